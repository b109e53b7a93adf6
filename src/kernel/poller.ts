import {addon} from './native.ts';

/** Who waits, by the token that the addon's thread knows the socket by. */
const waiting = new Map<number, () => void>();
let lastToken = 0;
let started = false;

/**
 * Calls `onReadable` once, as soon as `fd` can be read or has failed; it must not throw. The process stays alive
 * meanwhile.
 *
 * @returns a function that stops waiting; to be called before `fd` is closed
 */
export function waitReadable(fd: number, onReadable: () => void): () => void {
	if (!started) {
		addon().pollerStart(notify);
		started = true;
	}

	lastToken = (lastToken % 0x7fff_ffff) + 1;
	const token = lastToken;
	addon().pollerArm(fd, token);
	waiting.set(token, onReadable);
	addon().pollerHold(true);
	return () => stop(token);
}

/** A token that nobody waits for belongs to a socket that was closed meanwhile. */
function notify(token: number): void {
	const onReadable = waiting.get(token);
	stop(token);
	onReadable?.();
}

function stop(token: number): void {
	if (waiting.delete(token) && waiting.size === 0) {
		addon().pollerHold(false);
	}
}
