import {ask} from '../control/client.ts';
import {controlPath} from '../control/socket-file.ts';
import {isWhole, type Status, StatusAssembly} from '../control/status.ts';
import {NetError} from '../errors.ts';
import {Nftables} from '../kernel/nftables.ts';
import {type Owner, processesOf} from '../kernel/processes.ts';
import {readTableSizes, removeTable, type TableSize} from '../kernel/tables.ts';
import {asNetError} from './bug.ts';
import {judgeOtherProxies, kubeProxyTable, type OtherProxy, readNodeNames} from './other-proxies.ts';
import {answerPorts, findDaemon, portOwners} from './who-listens.ts';

/** Why kube-proxy's table must stay. Who heeds the first code needs to know no other. */
export type Obstacle = {
	readonly code: 'KUBE_PROXY_RUNNING' | 'KUBE_PROXY_NEEDED';
	/** A phrase behind "because". */
	readonly because: string;
};

/** What was read of this node. */
export type Takeover = {
	/** kube-proxy's tables that are here. */
	readonly tables: readonly Pick<TableSize, 'family'>[];
	/** Processes of kube-proxy in this network namespace, as far as they can be seen. */
	readonly proxies: readonly Owner[];
	/** Who listens on the ports of kube-proxy; `pid` 0 for one that cannot be seen from here. */
	readonly listeners: readonly (readonly [port: number, owner: Owner])[];
	/** The process that serves this network namespace. */
	readonly daemon: Owner | undefined;
	/** What that process says, or why it says nothing. */
	readonly status: Status | NetError;
};

/** Everything that speaks against the removal; kube-proxy that is still there first, for it would write again. */
export function judgeTakeover({tables, proxies, listeners, daemon, status}: Takeover): readonly Obstacle[] {
	const running = proxies.map(({name, pid}) => `${name} runs here, pid ${pid}`);
	const others = listeners.filter(([, {pid}]) => pid === 0 || (pid !== daemon?.pid && !isAmong(proxies, pid)));
	const listening = others.map(([port, {name, pid}]) =>
		pid === 0
			? `port ${port} of kube-proxy is listened on by a process that cannot be seen from here`
			: `port ${port} of kube-proxy is listened on by ${name}, pid ${pid}`,
	);
	return [
		...[...running, ...new Set(listening)].map((because) => ({code: 'KUBE_PROXY_RUNNING', because}) as const),
		...judgeStatus(tables, daemon, status).map((because) => ({code: 'KUBE_PROXY_NEEDED', because}) as const),
	];
}

function isAmong(proxies: readonly Owner[], pid: number): boolean {
	return proxies.some((proxy) => proxy.pid === pid);
}

function judgeStatus(
	tables: Takeover['tables'],
	daemon: Owner | undefined,
	status: Status | NetError,
): readonly string[] {
	if (daemon === undefined) {
		return ['no daemon of Fairlead runs in this network namespace'];
	}

	if (status instanceof NetError) {
		return [`the daemon does not say what is in force (${status.code})`];
	}

	const unserved = tables
		.map(({family}) => (family === 'ip' ? 'IPv4' : 'IPv6'))
		.filter((family) => !status.families.includes(family))
		.map((family) => `the daemon does not serve ${family}`);
	return isWhole(status) ? unserved : [...unserved, sayNotWhole(status)];
}

/** The first of what is missing: `fairlead status` has all of it. */
function sayNotWhole({inForce, failure, awaiting, notWhole, problems, sources}: Status): string {
	if (inForce === undefined) {
		const awaited = awaiting.length > 0 ? `awaiting ${awaiting.join(', ')}` : failure?.message;
		return `not everything is in the kernel yet${awaited === undefined ? '' : `: ${awaited}`}`;
	}

	const [row, problem] = [notWhole[0], problems[0]];
	const stale = sources.find(({complete, failure: failed}) => !complete || failed !== undefined);
	if (row !== undefined) {
		return `not in force as written: ${row.service}, ${row.what}${andMore(notWhole)}`;
	}

	return problem === undefined
		? `what ${stale?.name ?? 'a source'} told is not complete, or not fresh`
		: `${problem.message}${andMore(problems)}`;
}

function andMore(rows: readonly unknown[]): string {
	return rows.length === 1 ? '' : ` (and ${rows.length - 1} more)`;
}

/** What became of kube-proxy's tables. */
export type Removal = {
	readonly removed: readonly TableSize[];
	/** What spoke against it, where that was overridden. */
	readonly overridden: readonly Obstacle[];
	/** Other proxies, or what they left, that this does not touch: kube-proxy in another mode among them. */
	readonly left: readonly OtherProxy[];
};

/**
 * Removes the tables of kube-proxy in nftables mode from this network namespace, one transaction each. Nothing happens
 * while something speaks against it, unless `force`; of no table there is nothing to ask.
 *
 * @param stateDir of the daemon that is asked whether it serves everything
 * @throws NetError KUBE_PROXY_RUNNING, KUBE_PROXY_NEEDED when something speaks against it
 * @throws NetError NFT_REFUSED when the kernel refuses
 */
export async function removeKubeProxy(stateDir: string, force: boolean, signal: AbortSignal): Promise<Removal> {
	using kernel = new Nftables();
	const tables = await readTableSizes(kernel, kubeProxyTable);
	const obstacles = tables.length === 0 ? [] : judgeTakeover(await readTakeover(tables, stateDir, signal));
	if (!force) {
		refuse(tables, obstacles);
	}

	const removed: TableSize[] = [];
	for (const table of tables) {
		if (await removeTable(kernel, table)) {
			removed.push(table);
		}
	}

	return {removed, overridden: obstacles, left: judgeOtherProxies(await readNodeNames())};
}

async function readTakeover(tables: readonly TableSize[], stateDir: string, signal: AbortSignal): Promise<Takeover> {
	return {
		tables,
		proxies: processesOf('kube-proxy'),
		listeners: answerPorts.flatMap(([port]) => portOwners(port).map((owner) => [port, owner] as const)),
		daemon: findDaemon(),
		status: await askStatus(stateDir, signal).catch((error: unknown) => asNetError(error, 'ask the daemon')),
	};
}

async function askStatus(stateDir: string, signal: AbortSignal): Promise<Status> {
	const assembly = new StatusAssembly();
	for await (const part of ask(controlPath(stateDir), 'status', {watch: false}, signal)) {
		const status = assembly.add(part);
		if (status !== undefined) {
			return status;
		}
	}

	throw new NetError('CONTROL_CLOSED', 'read the status of the daemon to its end');
}

/** @throws NetError with the code of the first obstacle, where there is one */
function refuse(tables: readonly TableSize[], obstacles: readonly Obstacle[]): void {
	const [first] = obstacles;
	if (first !== undefined) {
		const names = tables.map(({family, table}) => `${family} ${table}`);
		const because = obstacles.map((obstacle) => obstacle.because);
		throw new NetError(first.code, `remove ${names.join(' and ')}: ${because.join('; ')}`, {tables: names, because});
	}
}
