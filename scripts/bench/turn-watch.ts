import {appendFileSync} from 'node:fs';

/**
 * Loaded before a daemon: writes each second to the file $BENCH_TURNS when it was (epoch, milliseconds) and the most
 * CPU that this thread used between two looks at it, a millisecond apart where the event loop lets them: no turn of it
 * used more. Milliseconds.
 */
const file = process.env['BENCH_TURNS'] ?? '/dev/null';
const used = () => {
	const {user, system} = process.threadCpuUsage();
	return (user + system) / 1000;
};
let [before, most] = [used(), 0];
setInterval(() => {
	const now = used();
	most = Math.max(most, now - before);
	before = now;
}, 1).unref();
setInterval(() => {
	appendFileSync(file, `${Date.now()} ${most.toFixed(2)}\n`);
	most = 0;
}, 1000).unref();
