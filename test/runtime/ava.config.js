// Tests that start real containers. scripts/test-runtime runs them inside namespaces of their own.
// biome-ignore lint/style/noDefaultExport: ava reads the default export
export default {
	extensions: ['ts'],
	files: ['test/runtime/**/*.test.ts'],
	// the runtime's folders are the machine's: one file after another
	concurrency: 1,
	workerThreads: false,
	timeout: '2m',
};
