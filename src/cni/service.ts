import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {AddressRow, CniAnswer} from '../control/cni.ts';
import {NetError} from '../errors.ts';
import type {PodAttachment} from '../model/objects.ts';
import {type Family, parseAddress} from '../net/address.ts';
import type {Prefix} from '../net/prefix.ts';
import {refuseAny} from './answer.ts';
import {attachmentKey} from './attachment.ts';
import {answerVersion, type RawCall} from './call.ts';
import {Collector} from './collector.ts';
import {Ipam} from './ipam.ts';
import {type Journal, openJournal} from './journal.ts';
import {linkPrefix} from './link-plan.ts';
import {KernelLinks} from './links.ts';
import {Plugin, type PluginParts} from './plugin.ts';
import type {PoolCount} from './pool.ts';
import {forget, type QueuedDelete, readQueue} from './queue.ts';
import {isSandboxThere} from './sandbox.ts';
import {podOf} from './shape.ts';

export type ServiceParts = Omit<PluginParts, 'ipam' | 'links'> & {
	readonly stateDir: string;
	/** For how long an address that was freed is kept from new pods. Milliseconds. */
	readonly restMs: number;
	/**
	 * Called once the journal is open, with the pods that are attached; and whether those are all: where it was lost, pods
	 * run that it does not name. Called again once they are.
	 */
	readonly opened: (pods: readonly PodAttachment[], areAll: boolean) => void;
	/** Milliseconds of a clock that never goes back, and goes on when the process does not; and since 1970. */
	readonly now: () => number;
	readonly wall: () => number;
};

/** What is there once somebody uses the plugin. */
type Opened = {
	readonly journal: Journal;
	readonly ipam: Ipam;
	readonly links: KernelLinks;
	readonly plugin: Plugin;
	readonly collector: Collector;
};

/**
 * The CNI plugin's part in the daemon. Nothing of it is made before somebody needs it: a node with another plugin has
 * neither its journal nor its sockets.
 */
export class CniService {
	readonly #parts: ServiceParts;
	#opening: Promise<Opened> | undefined;
	#opened: Opened | undefined;
	#areAllKnown = true;
	/** The Node's, as long as the journal has not taken them. */
	#untaken: readonly Prefix[] | undefined;

	constructor(parts: ServiceParts) {
		this.#parts = parts;
	}

	/**
	 * Takes up what an earlier daemon left, and says whether one did. What it left half done is finished behind the call;
	 * new calls wait for that.
	 *
	 * @throws NetError CNI_JOURNAL when it cannot be read: which pods are attached is not known until whoever asks for
	 * something next finds that it can
	 */
	async start(): Promise<boolean> {
		const isUsed = existsSync(journalPath(this.#parts.stateDir)) || hasLinks();
		if (isUsed) {
			await this.#open();
		}

		return isUsed;
	}

	/** Does the DELs that came while no daemon ran: call it once the control socket is listened on. Never rejects. */
	async drain(): Promise<void> {
		const {stateDir, log} = this.#parts;
		const {deletes, broken} = readQueue(stateDir);
		for (const path of broken) {
			log.error('a DEL that was kept for this daemon cannot be understood, and is thrown away', {path});
			forget(path);
		}

		for (const queued of deletes) {
			await this.#delete(queued).catch((error: unknown) =>
				log.error('a DEL that was kept for this daemon failed; the next one tries it again', {
					error,
					path: queued.path,
				}),
			);
		}
	}

	/** What the plugin prints. Never rejects. */
	async answer(call: RawCall): Promise<CniAnswer> {
		try {
			const {ipam, plugin} = await this.#open();
			this.#takePodCidrs(ipam);
			return await plugin.answer(call);
		} catch (error) {
			const verb = call.env['CNI_COMMAND'];
			this.#parts.log[verb === 'STATUS' ? 'debug' : 'warn']('a call of the CNI plugin failed', {verb, error});
			return refuseAny(error, answerVersion(call.config));
		}
	}

	/** Every address that is not free. @throws NetError CNI_JOURNAL */
	async addresses(): Promise<readonly AddressRow[]> {
		const {ipam} = await this.#open();
		return ipam.rows();
	}

	/**
	 * Frees an address, with all that its attachment has, and returns the row that it had.
	 *
	 * @param force also where its pod is still there
	 * @throws NetError CNI_ADDRESS when it is free, or when its pod is there; NET_INVALID when it is no address
	 */
	async release(text: string, force: boolean): Promise<AddressRow> {
		const address = parseAddress(text);
		const {ipam, plugin} = await this.#open();
		const row = ipam.wake(address) ?? ipam.rows().find((each) => each.address === address);
		if (row === undefined) {
			throw new NetError('CNI_ADDRESS', `release ${address}: nobody holds it`, {address});
		}

		const holder = ipam.holderOf(address);
		if (holder === undefined) {
			return row;
		}

		if (!force && isSandboxThere(holder.netns, holder.netnsInode)) {
			const who = row.pod === '' ? `container ${row.containerId}` : `pod ${row.pod}`;
			throw new NetError('CNI_ADDRESS', `release ${address}: ${who} is there and has it; --force takes it away`, {row});
		}

		await plugin.remove(attachmentKey(row));
		return row;
	}

	/** The prefixes that this Node's pods get their addresses from. @throws NetError CNI_CONFIG, CNI_JOURNAL */
	async setPodCidrs(prefixes: readonly Prefix[]): Promise<void> {
		this.#untaken = prefixes;
		const opened = await this.#opening;
		if (opened !== undefined) {
			this.#takePodCidrs(opened.ipam);
		}
	}

	#takePodCidrs(ipam: Ipam): void {
		if (this.#untaken !== undefined) {
			ipam.setPodCidrs(this.#untaken);
			this.#untaken = undefined;
		}
	}

	/** Of the Node's podCIDRs; none where nobody uses the plugin. */
	countAddresses(family: Family): PoolCount {
		return this.#opened?.ipam.count(family) ?? {size: 0, free: 0};
	}

	/** Looks for what nobody deleted: addresses of pods that are gone, links of nobody. Never rejects. */
	async collect(): Promise<void> {
		const opened = await this.#opening?.catch(() => undefined); // whoever asked for it was told
		if (opened === undefined) {
			return;
		}

		const {ipam, links, collector} = opened;
		await collector.collect();
		ipam.keepOff(links.routed());
		if (!this.#areAllKnown) {
			await this.#tell(ipam, links);
		}
	}

	/** Resolves when calls at work are answered, and links that were to go are gone. Never rejects. */
	async close(): Promise<void> {
		const opened = await this.#opening?.catch(() => undefined); // as above
		await opened?.plugin.idle();
		await opened?.links
			.settled()
			.catch((error: unknown) => this.#parts.log.error('links are not all removed', {error}));
		opened?.links.close();
		opened?.journal.close();
	}

	/** One that failed is tried again by the next who asks. */
	async #open(): Promise<Opened> {
		this.#opening ??= this.#make();
		try {
			return await this.#opening;
		} catch (error) {
			this.#opening = undefined;
			throw error;
		}
	}

	async #make(): Promise<Opened> {
		const {stateDir, restMs, log, after, now, wall} = this.#parts;
		const {journal, lost} = await openJournal(journalPath(stateDir), new Date(wall()).toISOString());
		if (lost !== undefined) {
			log.error('which pods are attached is not known any more; those that run keep their network', {error: lost});
		}

		const ipam = new Ipam({journal, now, wall, restMs});
		const links = new KernelLinks({after});
		const plugin = new Plugin({...this.#parts, ipam, links});
		this.#takePodCidrs(ipam);
		ipam.keepOff(links.routed());
		await this.#tell(ipam, links);
		void plugin.recover(); // never rejects
		this.#opened = {journal, ipam, links, plugin, collector: new Collector({ipam, links, plugin, log, now})};
		return this.#opened;
	}

	/** Tells which pods are attached, and whether others run. */
	async #tell(ipam: Ipam, links: KernelLinks): Promise<void> {
		const named = new Set(ipam.attachments.map(({link}) => link));
		const [present, idle] = [await links.present(), await links.idle()];
		const unknown = [...present].filter((link) => !named.has(link) && !idle.has(link));
		if (unknown.length > 0 && this.#areAllKnown) {
			this.#parts.log.error('pods run that the journal does not name: they keep their links and addresses', {
				links: unknown,
			});
		}

		this.#areAllKnown = unknown.length === 0;
		const pods = ipam.attachments.filter(({state}) => state === 'attached').map(podOf);
		this.#parts.opened(pods, this.#areAllKnown);
	}

	/** One that is older than the attachment is of an earlier container of that name. */
	async #delete({path, env, writtenAt}: QueuedDelete): Promise<void> {
		const key = attachmentKey({containerId: env['CNI_CONTAINERID'] ?? '', ifName: env['CNI_IFNAME'] ?? ''});
		const {ipam, plugin} = await this.#open();
		const attachment = ipam.find(key);
		if (attachment !== undefined && attachment.since <= writtenAt) {
			await plugin.remove(key);
			this.#parts.log.info('a pod that went while no daemon ran is detached', {attachment: key});
		}

		forget(path);
	}
}

/** Whether pods run that an earlier daemon attached, wherever it kept its journal. */
function hasLinks(): boolean {
	return readFileSync('/proc/thread-self/net/dev', 'utf8')
		.split('\n')
		.some((line) => line.trimStart().startsWith(linkPrefix));
}

/** Where the journal is, under the daemon's folder. */
function journalPath(stateDir: string): string {
	return join(stateDir, 'cni.db');
}
