import type {Config} from '../config/config.ts';
import type {NetError} from '../errors.ts';
import {countCpus} from '../kernel/cpus.ts';
import {exec} from '../kernel/exec.ts';
import {hasConntrackNetlink} from '../kernel/features.ts';
import {readSysctl} from '../kernel/sysctl.ts';
import {type ConntrackWishes, wantedConntrackSysctls} from '../node/conntrack-sysctls.ts';
import {type SysctlOutcome, setSysctls} from '../node/sysctls.ts';
import type {Logger} from '../observe/log.ts';
import {asNetError} from './bug.ts';

/** Makes the kernel's connection tracking as wanted, once and with every right that this process has. */
export async function setConntrack(wishes: ConntrackWishes, root?: string): Promise<readonly SysctlOutcome[]> {
	return await setSysctls(wantedConntrackSysctls(wishes, countCpus()), {load: loadConntrack, root});
}

/**
 * Has the kernel load connection tracking: it does so by itself for who asks by netlink, also from a container that has
 * neither `modprobe` nor the modules.
 *
 * @throws NetError EXEC_MISSING, EXEC_FAILED
 */
async function loadConntrack(): Promise<void> {
	try {
		hasConntrackNetlink();
	} catch {
		// without CAP_NET_ADMIN, where modprobe will say so
	}

	if (readSysctl('net.netfilter.nf_conntrack_max') === undefined) {
		await exec('modprobe', ['nf_conntrack']);
	}
}

/**
 * Makes the kernel's connection tracking as wanted and says what was set, from what to what, and what could not be:
 * that stops nobody. Nothing is said of what is right already. Never rejects.
 */
export async function applyConntrack(wishes: ConntrackWishes, log: Logger, root?: string): Promise<void> {
	try {
		const outcomes = await setConntrack(wishes, root);
		const set = outcomes.filter(({was, now}) => was !== now);
		if (set.length > 0) {
			const sysctls = set.map(({name, was, now}) => ({name, was, now}));
			log.info('the connection tracking of the kernel is set', {sysctls});
		}

		for (const error of problemsOf(outcomes)) {
			log.warn('the connection tracking of the kernel is not as wanted', {error});
		}
	} catch (caught) {
		log.warn('the connection tracking of the kernel is not set', {
			error: asNetError(caught, 'set connection tracking'),
		});
	}
}

/** To be called at each change of the configuration: resolves once the kernel follows it, and never rejects. */
export function followConntrack(log: Logger, root?: string): (before: Config, after: Config) => Promise<void> {
	let turn = Promise.resolve(); // loading takes a while, and the last word counts
	return async (before, after) => {
		if (JSON.stringify(before.conntrack) !== JSON.stringify(after.conntrack)) {
			turn = turn.then(async () => await applyConntrack(after.conntrack, log, root));
		}

		await turn;
	};
}

/** Each problem once: some are shared. */
export function problemsOf(outcomes: readonly SysctlOutcome[]): readonly NetError[] {
	return [...new Set(outcomes.flatMap(({problem}) => problem ?? []))];
}
