import process from 'node:process';
import type {RawCall} from '../cni/call.ts';
import {conflistName as confName, printConflist, printStatusConfig} from '../cni/conflist.ts';
import {earlierConfigs, writeConflist} from '../cni/install.ts';
import type {PoolCount} from '../cni/pool.ts';
import {CniService} from '../cni/service.ts';
import type {Config} from '../config/config.ts';
import type {CniAnswer} from '../control/cni.ts';
import {type Ask, type Handlers, inOnePiece} from '../control/protocol.ts';
import {NetError} from '../errors.ts';
import type {Change} from '../model/change.ts';
import type {Node, PodAttachment} from '../model/objects.ts';
import type {Address, Family} from '../net/address.ts';
import {printPrefix} from '../net/prefix.ts';
import type {Logger} from '../observe/log.ts';
import {asNetError} from './bug.ts';
import {type Clock, pause} from './clock.ts';
import type {Freshness} from './freshness.ts';
import type {Condition} from './health.ts';
import type {Inbox, Receipt} from './inbox.ts';

export type CniParts = {
	readonly config: Config;
	readonly inbox: Inbox;
	readonly freshness: Freshness;
	readonly condition: Condition;
	/** Those that this node's kernel has. */
	readonly families: readonly Family[];
	readonly log: Logger;
	readonly clock: Clock;
	/** Told of each call that was answered, but those of this process. */
	readonly answered: (call: CniAnswered) => void;
};

/** `code` is the specification's; 0 is success. */
export type CniAnswered = {readonly verb: string; readonly code: number; readonly durationMs: number};

/** How often is looked for what nobody deleted; two looks have to agree. */
const collectMs = 60_000;
/** How often is asked whether pods can be attached, as long as they cannot. */
const awaitMs = 500;

/** Serves the CNI plugin: as a source it tells which pods are attached, and it answers what the runtime asks. */
export class CniSource {
	readonly #parts: CniParts;
	readonly #service: CniService;
	#node: Node | undefined;
	/** Why it is not known which pods are attached. */
	#trouble: NetError | undefined;

	constructor(parts: CniParts) {
		const {config, log, clock, condition, families} = parts;
		this.#parts = parts;
		this.#service = new CniService({
			...{log, stateDir: config.stateDir, restMs: config.cni.addressRestMs, families},
			after: clock.after.bind(clock),
			now: bootedMs,
			wall: () => clock.wall(),
			hindrance: () => hindranceOf(condition, clock.now()),
			opened: (pods, areAll) => this.#tellAll(pods, areAll),
			nodeAddresses: () => this.#node?.addresses ?? noAddresses,
			watcher: {
				attached: async (pod) => await this.#tell({verb: 'put', object: pod}),
				detached: async (key) => await this.#tell({verb: 'delete', kind: 'PodAttachment', key}),
			},
		});
		parts.inbox.listen(({changes}) => {
			for (const change of changes === 'restarted' ? [] : changes) {
				if (change.verb === 'put' && change.object.kind === 'Node' && change.object.name === config.nodeName) {
					this.#follow(change.object);
				}
			}
		});
	}

	/** What the control socket is asked for pods. */
	get handlers() {
		const service = this.#service;
		return {
			cni: inOnePiece(async (call: RawCall) => await this.#answer(call)),
			addresses: async function* () {
				yield await service.addresses();
				return null;
			},
			release: inOnePiece(async ({address, force}: Ask<'release'>) => await service.release(address, force)),
		} satisfies Handlers;
	}

	/** How many addresses the Node's podCIDRs have, and how many are free; none where nobody uses the plugin. */
	readonly countAddresses = (family: Family): PoolCount => this.#service.countAddresses(family);

	async #answer(call: RawCall): Promise<CniAnswer> {
		const {clock, answered} = this.#parts;
		const began = clock.now();
		const answer = await this.#service.answer(call);
		const {code = 0} = {...answer.output} as {readonly code?: number};
		const verb = verbOf(call);
		answered({verb, code: answer.exitCode === 0 ? 0 : code, durationMs: clock.now() - began});
		return answer;
	}

	/** Tells which pods an earlier daemon attached: nothing is removed from the kernel before that is known. */
	async begin(): Promise<void> {
		const {inbox, freshness, log} = this.#parts;
		try {
			if (!(await this.#service.start())) {
				inbox.push({source: 'cni', changes: [{verb: 'synced', source: 'cni', complete: true}]});
			}
		} catch (caught) {
			this.#trouble = asNetError(caught, 'read which pods are attached');
			log.error('which pods are attached is not known; nothing is removed from the kernel', {error: this.#trouble});
			this.#show();
			freshness.troubled('cni', this.#trouble);
			inbox.push({source: 'cni', changes: [{verb: 'synced', source: 'cni', complete: false}]});
		}
	}

	/** @param complete whether no pod runs that is not known: only then what the plan does not name may go from the kernel */
	#tellAll(pods: readonly PodAttachment[], complete: boolean): void {
		const {inbox, freshness, clock} = this.#parts;
		const puts = pods.map((object): Change => ({verb: 'put', object}));
		this.#show();
		if (this.#trouble !== undefined) {
			freshness.mended('cni', this.#trouble);
			this.#trouble = undefined;
		}

		inbox.push({source: 'cni', changes: [...puts, {verb: 'synced', source: 'cni', complete}]});
		freshness.synced('cni', complete, clock.now());
	}

	/** Does what was asked while no daemon listened. Never rejects. */
	async drain(): Promise<void> {
		await this.#service.drain();
	}

	/** Looks for what nobody deleted, and keeps the network configuration in its place, until the signal. Never rejects. */
	async run(signal: AbortSignal): Promise<void> {
		await Promise.all([this.#collect(signal), this.#keepConflist(signal)]);
		await this.#service.close();
	}

	async #collect(signal: AbortSignal): Promise<void> {
		const {clock} = this.#parts;
		await pause(clock, collectMs, signal);
		for (const stopped = () => signal.aborted; !stopped(); await pause(clock, collectMs, signal)) {
			await this.#service.drain(); // what was kept because this daemon was silent for too long
			await this.#service.collect();
		}
	}

	/** A runtime that finds it starts pods at once: so it comes when they can be attached, and not before. */
	async #keepConflist(signal: AbortSignal): Promise<void> {
		const {config, clock, log} = this.#parts;
		const {confDir, mode, mtuBytes} = config.cni;
		if (confDir === undefined) {
			return;
		}

		const options = {mode, mtuBytes, stateDir: config.stateDir};
		const [text, status] = [printConflist(options), printStatusConfig(options)];
		let failure: string | undefined;
		for (const stopped = () => signal.aborted; !stopped(); ) {
			const {exitCode} = await this.#service.answer({env: {CNI_COMMAND: 'STATUS'}, config: status});
			if (exitCode === 0) {
				failure = await this.#writeConflist(confDir, text, failure);
			}

			await pause(clock, exitCode === 0 && failure === undefined ? collectMs : awaitMs, signal);
		}

		log.debug('the network configuration stays: pods are attached again by the next daemon', {confDir});
	}

	/** What it fails with, which is said once. */
	async #writeConflist(confDir: string, text: string, failure: string | undefined): Promise<string | undefined> {
		const {log} = this.#parts;
		try {
			if ((await writeConflist(confDir, confName, text)) === 'written') {
				const earlier = await earlierConfigs(confDir, confName);
				log.info('container runtimes find the network configuration', {confDir, confName});
				if (earlier.length > 0) {
					log.warn('container runtimes read another network configuration first, and ours does not count', {earlier});
				}
			}

			return undefined;
		} catch (caught) {
			const error = asNetError(caught, 'write the network configuration');
			if (error.message !== failure) {
				log.error('container runtimes do not find the network configuration; it is tried again', {error});
			}

			return error.message;
		}
	}

	/** From the first pod on the status has a row for it: other nodes have another plugin. */
	#show(): void {
		if (!this.#parts.freshness.sources.has('cni')) {
			this.#parts.freshness.opened('cni');
		}
	}

	/** Resolves when what follows from the change is in force. @throws NetError what the kernel refuses it with, or CNI_BUSY */
	async #tell(change: Change): Promise<void> {
		const {inbox, freshness, clock} = this.#parts;
		this.#show();
		freshness.changed('cni', clock.now());
		const {promise, resolve} = Promise.withResolvers<Receipt>();
		inbox.push({source: 'cni', changes: [change], settled: resolve});
		const receipt = await promise;
		switch (receipt.kind) {
			case 'inForce':
				return;
			case 'refused':
				throw receipt.refused[0]?.error ?? new NetError('CNI_KERNEL', 'have a host port in force');
			case 'ended':
				throw new NetError('CNI_BUSY', 'have a host port in force: the daemon ends');
		}
	}

	#follow(node: Node): void {
		const before = this.#node?.podCidrs.map(printPrefix).join(', ');
		const after = node.podCidrs.map(printPrefix).join(', ');
		this.#node = node;
		if (after !== before) {
			const {log} = this.#parts;
			this.#service.setPodCidrs(node.podCidrs).then(
				() => log.info('pods of this node get their addresses from its podCIDRs', {podCidrs: after}),
				(error: unknown) => log.error('new podCIDRs of this node are not used', {error, podCidrs: after}),
			);
		}
	}
}

/** Anything else is one word: labels of a metric are not for whoever calls to make up. */
function verbOf({env}: RawCall): string {
	const verb = env['CNI_COMMAND'] ?? '';
	return ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'].includes(verb) ? verb : 'other';
}

/** Milliseconds since the machine was started: it goes on when this process does not. Source: clock_gettime(2), CLOCK_MONOTONIC */
function bootedMs(): number {
	return Number(process.hrtime.bigint() / 1_000_000n);
}

const noAddresses: readonly Address[] = [];

/** A runtime that hears STATUS fail calls its node unready, and pods are moved: one failed commit is no reason. */
const limitedAfterMs = 120_000;

/** Why no pod can be attached, or those that run have had less than all for long. */
function hindranceOf({awaiting, failure, pendingSince}: Condition, now: number): NetError | undefined {
	if (awaiting.length > 0) {
		return new NetError('CNI_NOT_READY', `attach pods: ${awaiting.join(', ')} is awaited`, {awaiting});
	}

	const isLasting = pendingSince !== undefined && now - pendingSince > limitedAfterMs;
	return failure && isLasting
		? new NetError('CNI_LIMITED', 'keep the rules of this node as they should be', {}, failure)
		: undefined;
}
