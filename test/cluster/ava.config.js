// Tests that talk to a real kube-apiserver. scripts/test-cluster runs them inside namespaces of their own.
// biome-ignore lint/style/noDefaultExport: ava reads the default export
export default {
	extensions: ['ts'],
	files: ['test/cluster/**/*.test.ts'],
	// each file starts an API server of its own on the same port: one file after another
	concurrency: 1,
	workerThreads: false,
	timeout: '3m',
};
