import type {Owner} from '../kernel/processes.ts';
import type {Family} from '../net/address.ts';
import {type CheckRow, row} from './check-row.ts';

// What is judged here was read elsewhere: values in, rows out.

export function judgeFamilies(families: readonly Family[]): readonly CheckRow[] {
	const both = families.length === 2;
	const remedy =
		'Frontends of IPv6 are not served here. Where they should be: sysctl net.ipv6.conf.all.disable_ipv6=0, and no ipv6.disable=1 on the kernel command line.';
	return [
		row('IP families', both ? 'ok' : 'warn', families.join(', '), 'IPv4, and IPv6 where the cluster has it', remedy),
	];
}

/**
 * Whether packets between pods and other hosts pass through this node. Source: kubeadm's preflight checks, which fail
 * on the first one.
 *
 * @param ipv4 text of net.ipv4.ip_forward
 * @param ipv6 text of net.ipv6.conf.all.forwarding; undefined where IPv6 is not served
 */
export function judgeForwarding(ipv4: string | undefined, ipv6: string | undefined): readonly CheckRow[] {
	const judge = (name: string, value: string | undefined, else_: 'warn' | 'fail') =>
		row(
			name,
			value === '1' ? 'ok' : else_,
			value ?? 'not there',
			'1',
			`Pods reach nothing beyond this node: sysctl ${name}=1`,
		);
	return [
		judge('net.ipv4.ip_forward', ipv4, 'fail'),
		...(ipv6 === undefined ? [] : [judge('net.ipv6.conf.all.forwarding', ipv6, 'warn')]),
	];
}

/** @param version what `nft --version` prints; undefined when there is no nft */
export function judgeNftTool(version: string | undefined): readonly CheckRow[] {
	const remedy = 'Fairlead does without; people need it to look at the rules. Debian, Ubuntu: apt-get install nftables';
	return [row('nft tool', version === undefined ? 'warn' : 'ok', version ?? 'missing', 'any, for people', remedy)];
}

/** @param daemon the process that serves this network namespace; `pid` 0 when this user may not know it */
export function judgeDaemon(daemon: Owner | undefined): readonly CheckRow[] {
	const found = daemon === undefined ? 'none runs' : daemon.pid === 0 ? 'one runs' : `one runs, pid ${daemon.pid}`;
	return [row('daemon', 'ok', found, 'one at most in this network namespace')];
}

export type PortUse = {
	readonly port: number;
	readonly purpose: string;
	/** Who listens there; `pid` 0 for one that this user may not know. */
	readonly owners: readonly Owner[];
};

export function judgePort({port, purpose, owners}: PortUse, daemon: Owner | undefined): CheckRow {
	const [name, need] = [`port ${port}`, `free, or the daemon's, for ${purpose}`];
	const others = owners.filter(({pid}) => pid === 0 || pid !== daemon?.pid);
	const [other] = others;
	if (other === undefined) {
		return row(name, 'ok', owners.length === 0 ? 'free' : "the daemon's", need);
	}

	if (other.pid === 0) {
		const found = daemon === undefined ? 'in use' : 'in use, perhaps by the daemon';
		return row(
			name,
			daemon === undefined ? 'warn' : 'unknown',
			found,
			need,
			'As root `ss -ltnp` shows who listens there.',
		);
	}

	const remedy = `Stop ${other.name}, or choose another address with the daemon's flag.`;
	return row(name, 'warn', `${other.name}, pid ${other.pid}, listens there`, need, remedy);
}

/** How many directories are watched, and by how many processes of a user. */
const [watchesNeeded, instancesNeeded] = [1024, 16];

export function judgeInotify(watches: number, instances: number): readonly CheckRow[] {
	const enough = watches >= watchesNeeded && instances >= instancesNeeded;
	const remedy =
		'Changes of object files may go unnoticed: sysctl fs.inotify.max_user_watches=8192 fs.inotify.max_user_instances=128';
	const need = `${watchesNeeded} watches, ${instancesNeeded} instances`;
	return [row('inotify', enough ? 'ok' : 'warn', `${watches} watches, ${instances} instances`, need, remedy)];
}

const mebibyte = 2 ** 20;

/** What the daemon takes with few Services, and with 30,000 of ten endpoints each. Source: README, Numbers. */
const [memoryLeast, memoryMost] = [128 * mebibyte, 320 * mebibyte];

/** @param limitBytes of this control group, or the machine's where the group has none */
export function judgeMemory(limitBytes: number): readonly CheckRow[] {
	const state = limitBytes < memoryLeast ? 'fail' : limitBytes < memoryMost ? 'warn' : 'ok';
	const need = `${memoryLeast / mebibyte} MiB with few Services, ${memoryMost / mebibyte} MiB with 30,000`;
	return [
		row(
			'memory limit',
			state,
			`${Math.round(limitBytes / mebibyte)} MiB`,
			need,
			'Raise the limit (in a Pod: resources.limits.memory).',
		),
	];
}

/** @param problem why the daemon could not use it; undefined when it can */
export function judgeStateDir(path: string, problem: string | undefined): readonly CheckRow[] {
	const remedy = 'Name a folder that this user may create and write, with --state-dir.';
	return [
		row('state folder', problem === undefined ? 'ok' : 'fail', problem ?? path, 'a folder that can be written', remedy),
	];
}
