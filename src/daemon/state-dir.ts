import {access, constants, mkdir} from 'node:fs/promises';
import {NetError} from '../errors.ts';

/**
 * Makes the daemon's own folder, and those above it, where they are missing. Everyone may enter it: what is secret in
 * it protects itself.
 *
 * @throws NetError DAEMON_STATE_DIR when it cannot be made or written; see {@link isFullDisk}
 */
export async function makeStateDir(path: string): Promise<void> {
	try {
		await mkdir(path, {recursive: true, mode: 0o755});
		await access(path, constants.W_OK | constants.X_OK);
	} catch (cause) {
		throw new NetError('DAEMON_STATE_DIR', `use the folder ${JSON.stringify(path)}`, {path}, cause);
	}
}

/** Whether there is no room for the folder now: no mistake of whoever named it, and no reason not to serve Services. */
export function isFullDisk(error: unknown): boolean {
	const cause = error instanceof NetError ? error.cause : undefined;
	const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
	return code === 'ENOSPC' || code === 'EDQUOT';
}
