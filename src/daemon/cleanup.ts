import {openDataplane} from './dataplanes.ts';
import {lockNamespace} from './lock.ts';

/**
 * Removes every trace of Fairlead from the kernel of this network namespace. While it runs no daemon can start.
 *
 * @throws NetError DAEMON_RUNNING while a daemon runs
 */
export async function cleanUp(): Promise<void> {
	const release = await lockNamespace('clean up');
	const dataplane = openDataplane();
	try {
		await dataplane.cleanup();
	} finally {
		dataplane.close();
		release();
	}
}
