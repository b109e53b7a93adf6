#!/usr/bin/env node
// Written for any Node from 12 on, so that an old one can say what is missing instead of failing on syntax.
const needed = [24, 12];

/**
 * The daemon's young generation stays small: V8 lets it grow to 3 × 32 MB, and what survives a cold start in it stays
 * resident. 10,000 Services with 10 endpoints each from an API server: 224 MiB without, 189 with 16, 177 with 8, which
 * collects so often that the start takes a tenth longer.
 */
const heapFlag = '--max-semi-space-size=16';

/** Runs this same file with another Node in the place of this one: same streams, same signals, same end. */
async function become(node, script) {
	const args = [heapFlag, script].concat(process.argv.slice(2));
	if (typeof process.execve === 'function') {
		process.execve(node, [node].concat(args), process.env);
	}

	// The channel tells the child when this process is gone, even killed with -9: it then ends as after SIGTERM.
	const {spawn} = await import('node:child_process');
	const child = spawn(node, args, {stdio: ['inherit', 'inherit', 'inherit', 'ipc']});
	for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2']) {
		process.on(signal, () => {
			// a terminal sends Ctrl-C to the child as well, and the second one would force it
			if (signal !== 'SIGINT' || !process.stdin.isTTY) {
				child.kill(signal);
			}
		});
	}

	child.on('exit', (code, signal) => {
		if (signal === null) {
			process.exit(code);
		}

		process.removeAllListeners(signal);
		process.kill(process.pid, signal);
	});
}

/** The Node that is installed beside Fairlead, unless it is the one that runs this. */
async function ownNode() {
	const {existsSync, realpathSync} = await import('node:fs');
	const {fileURLToPath} = await import('node:url');
	const own = fileURLToPath(new URL('../../node_modules/node/bin/node', import.meta.url));
	const other = existsSync(own) && realpathSync(own) !== realpathSync(process.execPath);
	return other ? {node: own, script: fileURLToPath(import.meta.url)} : undefined;
}

/**
 * What Node makes of our TypeScript is kept beside it, where this user may write: the daemon's modules then load in a
 * third of the time, and 30 MB of its memory, the type stripper's, are never taken.
 */
async function keepCompiled() {
	const {enableCompileCache} = await import('node:module');
	const {fileURLToPath} = await import('node:url');
	enableCompileCache(fileURLToPath(new URL('../../build/compiled', import.meta.url)));
}

/** Whether this process is the daemon and its heap was not set by anybody. */
function wantsHeapFlag() {
	const given = process.execArgv.concat(process.env.NODE_OPTIONS || '').join(' ');
	return process.argv[2] === 'run' && !given.includes('max-semi-space-size');
}

async function start() {
	const [major, minor] = process.versions.node.split('.').map(Number);
	if (major > needed[0] || (major === needed[0] && minor >= needed[1])) {
		if (wantsHeapFlag()) {
			await become(process.execPath, process.argv[1]);
			return;
		}

		await keepCompiled();
		await import('./main.ts');
		return;
	}

	// before 12.20 Node does not know `node:`: then there is nothing to be found
	const own = await ownNode().catch(() => undefined);
	if (own !== undefined) {
		await become(own.node, own.script);
		return;
	}

	process.stderr.write(
		`fairlead: cannot run on Node.js ${process.versions.node}: it needs ${needed.join('.')} or newer; ` +
			'run scripts/setup in the folder of Fairlead to get one beside it, or install one from https://nodejs.org\n',
	);
	process.exitCode = 1;
}

void start();
