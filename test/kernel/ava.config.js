// Tests that talk to a real kernel. scripts/test-kernel runs them inside namespaces of their own.
// biome-ignore lint/style/noDefaultExport: ava reads the default export
export default {
	extensions: ['ts'],
	files: ['test/kernel/**/*.test.ts'],
	// setns moves a thread, not a process, and rules are shared by all files: one file after another
	concurrency: 1,
	workerThreads: false,
	timeout: '60s',
};
