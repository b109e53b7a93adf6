import {accessSync, constants, existsSync, statSync} from 'node:fs';
import {totalmem} from 'node:os';
import {dirname, resolve} from 'node:path';
import process from 'node:process';
import {controlPath} from '../control/socket-file.ts';
import {readCapabilities} from '../kernel/capabilities.ts';
import {countCpus} from '../kernel/cpus.ts';
import {exec} from '../kernel/exec.ts';
import {hasConntrackNetlink, kernelVersion, readNftablesFeatures} from '../kernel/features.ts';
import {addon} from '../kernel/native.ts';
import {Nftables} from '../kernel/nftables.ts';
import {partsTried, readMissingParts} from '../kernel/probes.ts';
import type {Owner} from '../kernel/processes.ts';
import {readSysctl} from '../kernel/sysctl.ts';
import {type ConntrackWishes, wantedConntrackSysctls} from '../node/conntrack-sysctls.ts';
import {
	judgeDaemon,
	judgeFamilies,
	judgeForwarding,
	judgeInotify,
	judgeMemory,
	judgeNftTool,
	judgePort,
	judgeStateDir,
} from './check-host.ts';
import {
	judgeConntrack,
	judgeConntrackSettings,
	judgeKernel,
	judgeOwnedTables,
	judgeParts,
	judgeRights,
} from './check-kernel.ts';
import {type CheckRow, look, row} from './check-row.ts';
import {servedFamilies} from './families.ts';
import {judgeOtherProxies, readNodeNames} from './other-proxies.ts';
import {answerPorts, findDaemon, portOwners} from './who-listens.ts';

/** What of the configuration can be checked. */
type Wanted = {readonly stateDir: string; readonly conntrack: ConntrackWishes};

/**
 * What a daemon with this configuration would find on this node, row by row. It needs no daemon and no rights: what
 * cannot be found out is a row that says so. Nothing is changed, but that the kernel may load modules it is asked for.
 */
export async function checkNode({stateDir, conntrack}: Wanted): Promise<readonly CheckRow[]> {
	const daemon = findDaemon();
	const looks = [
		look('Node.js', '24.12 or newer', () => [row('Node.js', 'ok', process.versions.node, '24.12 or newer')]),
		look('native addon', 'built', checkAddon),
		look('kernel', '5.13 or newer', () => judgeKernel(kernelVersion())),
		look('rights', 'CAP_NET_ADMIN', () => judgeRights(readCapabilities(), process.getuid?.() ?? -1)),
		look('nf_tables', 'the parts that its tables are made of', checkParts),
		look('owned tables', 'owned and persistent', checkOwnedTables),
		look('IP families', 'IPv4, IPv6', () => judgeFamilies(servedFamilies())),
		look('forwarding', 'on', checkForwarding),
		look('conntrack', 'room, netlink', checkConntrack),
		look('conntrack: settings', 'as configured', () => checkConntrackSettings(conntrack)),
		look('other proxies', 'none', checkOtherProxies),
		look('daemon', 'one at most', () => judgeDaemon(daemon)),
		look('ports', 'free', () => checkPorts(daemon)),
		look('state folder', 'a folder that can be written', () => judgeStateDir(stateDir, stateDirProblem(stateDir))),
		look('inotify', 'watches', () => judgeInotify(...readInotifyLimits())),
		look('memory limit', 'enough', () => judgeMemory(memoryLimitBytes())),
		look('nft tool', 'any, for people', checkNftTool),
	];
	return (await Promise.all(looks)).flat();
}

function checkAddon(): readonly CheckRow[] {
	addon();
	return [row('native addon', 'ok', 'loads', 'built for this machine')];
}

async function checkParts(): Promise<readonly CheckRow[]> {
	using kernel = new Nftables();
	const missing = new Map();
	for (const family of servedFamilies()) {
		missing.set(family, await readMissingParts(kernel, family));
	}

	return judgeParts(missing, partsTried);
}

async function checkOwnedTables(): Promise<readonly CheckRow[]> {
	using kernel = new Nftables();
	return judgeOwnedTables(await readNftablesFeatures(kernel));
}

function checkForwarding(): readonly CheckRow[] {
	const ipv6 = servedFamilies().includes('IPv6') ? (readSysctl('net.ipv6.conf.all.forwarding') ?? '') : undefined;
	return judgeForwarding(readSysctl('net.ipv4.ip_forward'), ipv6);
}

function checkConntrack(): readonly CheckRow[] {
	const liberal = readSysctl('net.netfilter.nf_conntrack_tcp_be_liberal');
	return judgeConntrack({
		count: sysctlNumber('net.netfilter.nf_conntrack_count'),
		max: sysctlNumber('net.netfilter.nf_conntrack_max'),
		netlink: knownOrNot(hasConntrackNetlink),
		liberal: liberal === undefined ? undefined : liberal !== '0',
	});
}

function checkConntrackSettings(wishes: ConntrackWishes): readonly CheckRow[] {
	const wanted = wantedConntrackSysctls(wishes, countCpus());
	return judgeConntrackSettings(wanted.map((each) => ({...each, found: sysctlNumber(each.name)})));
}

async function checkOtherProxies(): Promise<readonly CheckRow[]> {
	const proxies = judgeOtherProxies(await readNodeNames());
	return proxies.length === 0
		? [row('other proxies', 'ok', 'none', 'none')]
		: proxies.map(({found, remedy}) => row('other proxies', 'warn', found, 'none', remedy));
}

function checkPorts(daemon: Owner | undefined): readonly CheckRow[] {
	return answerPorts.map(([port, purpose]) => judgePort({port, purpose, owners: portOwners(port)}, daemon));
}

/** Why the daemon could not use the folder; undefined when it could, by making it if need be. */
function stateDirProblem(path: string): string | undefined {
	try {
		controlPath(path);
		let at = resolve(path);
		while (!existsSync(at) && at !== '/') {
			at = dirname(at);
		}

		if (!statSync(at).isDirectory()) {
			return `${at} is no folder`;
		}

		accessSync(at, constants.W_OK | constants.X_OK);
		return undefined;
	} catch (error) {
		return error instanceof Error ? error.message : String(error);
	}
}

function readInotifyLimits(): [watches: number, instances: number] {
	const limit = (name: string) => sysctlNumber(`fs.inotify.${name}`) ?? Number.POSITIVE_INFINITY;
	return [limit('max_user_watches'), limit('max_user_instances')];
}

/** Of the control group, where it has one; without, Node says 0 or more than there is. */
function memoryLimitBytes(): number {
	const group = process.constrainedMemory();
	return group > 0 ? Math.min(group, totalmem()) : totalmem();
}

async function checkNftTool(): Promise<readonly CheckRow[]> {
	const version = await exec('nft', ['--version']).then(
		({stdout}) => stdout.trim(),
		() => undefined,
	);
	return judgeNftTool(version);
}

function knownOrNot<T>(read: () => T): T | undefined {
	try {
		return read();
	} catch {
		return undefined; // without the right to ask
	}
}

function sysctlNumber(name: string): number | undefined {
	const text = readSysctl(name);
	return text === undefined ? undefined : Number(text);
}
