import type {CniAnswer} from '../control/cni.ts';
import type {After} from '../control/connection.ts';
import {NetError} from '../errors.ts';
import type {Netns} from '../kernel/netns.ts';
import type {PodAttachment} from '../model/objects.ts';
import type {Address, Family} from '../net/address.ts';
import type {Logger} from '../observe/log.ts';
import {refuseAny} from './answer.ts';
import {type Attachment, type AttachmentKey, attachmentKey} from './attachment.ts';
import {answerVersion, type Call, type ContainerCall, parseCall, type RawCall} from './call.ts';
import type {Ipam} from './ipam.ts';
import type {LinkPlan, PodLinks} from './link-plan.ts';
import {mergeResults, printResult} from './result.ts';
import {isSandboxThere, openSandbox} from './sandbox.ts';
import {draftOf, linkName, linkPlanOf, podOf, resultOf} from './shape.ts';
import {differencesSince} from './since-add.ts';
import {type AttachmentId, versions} from './spec.ts';
import {Turns} from './turns.ts';

/** Who makes what follows from an attachment so: the plan, by way of the daemon. */
type PodWatcher = {
	/**
	 * Resolves when the rules of the pod's host ports are in force.
	 *
	 * @throws NetError the kernel's refusal of them
	 */
	attached(pod: PodAttachment): Promise<void>;
	/** Resolves when the kernel has none of them any more. */
	detached(key: AttachmentKey): Promise<void>;
};

export type PluginParts = {
	readonly ipam: Ipam;
	readonly links: PodLinks;
	readonly watcher: PodWatcher;
	/** Why no pod can be attached now, or why those that run have less than all; undefined when all is well. */
	readonly hindrance: () => NetError | undefined;
	/** This node's addresses, by which its MTU is found. */
	readonly nodeAddresses: () => readonly Address[];
	/** Those that this node's kernel has. */
	readonly families: readonly Family[];
	readonly log: Logger;
	readonly after: After;
};

/**
 * How long a call waits for rules to be in force. An ADD that waited so long is undone and tried again by the runtime; a
 * DEL goes on: what is left of rules leads to an address that nobody gets for as long as it rests.
 */
const [attachWaitMs, detachWaitMs] = [10_000, 2000];

/** Does what the container runtime asks for. Calls for one container wait for each other, all others go side by side. */
export class Plugin {
	readonly #parts: PluginParts;
	readonly #turns = new Turns();
	/** Until what an earlier daemon left half done is finished. */
	#recovered: Promise<unknown> = Promise.resolve();

	constructor(parts: PluginParts) {
		this.#parts = parts;
	}

	/** Finishes what an earlier daemon left half done; calls wait for it. Never rejects. */
	async recover(): Promise<void> {
		const {ipam, log} = this.#parts;
		const half = ipam.attachments.filter(({state}) => state !== 'attached').map(attachmentKey);
		const removals = half.map(
			async (key) =>
				await this.remove(key).catch((error: unknown) => {
					log.error('what an earlier daemon left half done is tried again later', {attachment: key, error});
				}),
		);
		this.#recovered = Promise.all(removals);
		await this.#recovered;
	}

	/** Resolves when no call is at work. */
	async idle(): Promise<void> {
		await this.#turns.idle();
	}

	/** What the plugin prints. Never rejects. */
	async answer(raw: RawCall): Promise<CniAnswer> {
		const version = answerVersion(raw.config);
		try {
			const call = parseCall(raw);
			await this.#recovered;
			return {exitCode: 0, output: await this.#do(call)};
		} catch (caught) {
			const {CNI_COMMAND: verb, CNI_CONTAINERID: containerId, CNI_IFNAME: ifName} = raw.env;
			this.#parts.log[verb === 'STATUS' ? 'debug' : 'warn']('a call of the CNI plugin failed', {
				...{verb, containerId, ifName},
				error: caught,
			});
			return refuseAny(caught, version);
		}
	}

	/**
	 * As DEL does, of an attachment that its runtime does not ask to delete, and says whether it did.
	 *
	 * @param meant what was seen of it; one that is another by now stays
	 */
	async remove(key: AttachmentKey, meant?: Pick<Attachment, 'state' | 'since'>): Promise<boolean> {
		return await this.#turns.take(containerOf(key), async () => {
			const found = this.#parts.ipam.find(key);
			const isMeant = meant === undefined || (found?.state === meant.state && found.since === meant.since);
			if (found !== undefined && isMeant) {
				await this.#undo(found);
			}

			return found !== undefined && isMeant;
		});
	}

	async #do(call: Call): Promise<object | null> {
		switch (call.verb) {
			case 'ADD':
				return await this.#turns.take(call.containerId, async () => await this.#add(call));
			case 'DEL':
				await this.#turns.take(call.containerId, async () => await this.#delete(call));
				return null;
			case 'CHECK':
				await this.#turns.take(call.containerId, async () => await this.#check(call));
				return null;
			case 'GC':
				await this.#collect(call);
				return null;
			case 'STATUS':
				this.#checkReady(call);
				return null;
			case 'VERSION':
				return {cniVersion: call.version, supportedVersions: versions};
		}
	}

	async #add(call: ContainerCall): Promise<object> {
		const {ipam, links, nodeAddresses, families, log} = this.#parts;
		using netns = openSandbox(call.netns);
		await this.#makeRoom(call);
		const draft = draftOf(call, netns.inode, call.config.mtuBytes || links.nodeMtu(nodeAddresses()));
		const wanted = {asked: call.config.ips, families, ranges: call.config.ranges};
		const attachment = ipam.reserve(draft, wanted);
		const plan = this.#planOf(attachment, call);
		try {
			await this.#make(attachment, plan, netns);
		} catch (error) {
			await this.#undo(attachment).catch((left: unknown) => log.error('a failed ADD is not undone yet', {error: left}));
			throw error;
		}

		log.debug('a pod is attached', {pod: plan.alias, addresses: attachment.addresses, link: plan.link});
		const result = resultOf(plan, call.netns, call.config);
		const {prevResult, version} = call;
		return printResult(prevResult === undefined ? result : mergeResults(prevResult, result), version);
	}

	async #make(attachment: Attachment, plan: LinkPlan, netns: Netns): Promise<void> {
		const {ipam, links, watcher} = this.#parts;
		await links.attach(plan, netns);
		const inForce = watcher.attached(podOf(attachment));
		if (attachment.hostPorts.length > 0) {
			await this.#within(inForce, attachWaitMs, `have the host ports of ${plan.alias} in force`);
		} else {
			inForce.catch(() => undefined); // it has no rules that could be refused
		}

		ipam.settle(attachmentKey(attachment));
	}

	/** What an ADD that died left, and older sandboxes of the same pod, whose runtime gave them up. */
	async #makeRoom(call: ContainerCall): Promise<void> {
		const own = this.#parts.ipam.find(attachmentKey(call));
		if (own?.state === 'attached' && isSandboxThere(own.netns, own.netnsInode)) {
			throw new NetError('CNI_ATTACHED', `attach ${own.ifName} of container ${own.containerId} a second time`);
		}

		if (own !== undefined) {
			await this.#undo(own);
		}

		for (const old of call.pod === undefined ? [] : this.#parts.ipam.attachments) {
			const isSame = old.pod?.name === call.pod?.name && old.pod?.namespace === call.pod?.namespace;
			if (isSame && old.containerId !== call.containerId && !isSandboxThere(old.netns, old.netnsInode)) {
				await this.remove(attachmentKey(old));
			}
		}
	}

	async #delete(call: AttachmentId): Promise<void> {
		const key = attachmentKey(call);
		const attachment = this.#parts.ipam.find(key);
		await (attachment === undefined
			? this.#parts.links.detach({link: linkName(key), addresses: [], mode: 'routed', bridge: ''})
			: this.#undo(attachment));
	}

	/** In this order: nobody may get the address while anything still leads to it. */
	async #undo(attachment: Attachment): Promise<void> {
		const {ipam, links, watcher, log} = this.#parts;
		const key = attachmentKey(attachment);
		const unwritten = attempt(() => ipam.beginDelete(key)); // a disk that is full keeps no packets going
		const gone = watcher.detached(key);
		if (attachment.hostPorts.length > 0) {
			await this.#within(gone, detachWaitMs, 'see host ports gone').catch((error: unknown) =>
				log.warn('a pod goes before the rules of its host ports', {attachment: key, error}),
			);
		} else {
			gone.catch(() => undefined); // it has no rules
		}

		await links.detach(attachment);
		if (unwritten !== undefined) {
			throw unwritten;
		}

		ipam.release(key);
	}

	async #check(call: ContainerCall): Promise<void> {
		const attachment = this.#parts.ipam.find(attachmentKey(call));
		if (attachment === undefined) {
			throw new NetError('CNI_CHECK', `find ${call.ifName} of container ${call.containerId}: it is not attached`);
		}

		using netns = openSandbox(call.netns);
		const plan = this.#planOf(attachment, call);
		const differences = await differencesSince(call, attachment, {plan, netns, links: this.#parts.links});
		if (differences.length > 0) {
			const what = `find ${call.ifName} of container ${call.containerId} as it was made: ${differences.join('; ')}`;
			throw new NetError('CNI_CHECK', what, {differences});
		}
	}

	/** Goes on past what fails, and tells it at the end. */
	async #collect({network, valid}: Extract<Call, {verb: 'GC'}>): Promise<void> {
		const keep = new Set(valid.map(attachmentKey));
		const stale = this.#parts.ipam.attachments
			.filter((attachment) => attachment.network === network)
			.map(attachmentKey)
			.filter((key) => !keep.has(key));
		const outcomes = await Promise.allSettled(stale.map(async (key) => await this.remove(key)));
		const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({reason}) => reason);
		if (failures.length > 0) {
			throw new NetError(
				'CNI_KERNEL',
				`remove ${failures.length} of ${stale.length} attachments`,
				{failures},
				failures[0],
			);
		}

		if (stale.length > 0) {
			this.#parts.log.info('attachments that are not in use were removed', {network, attachments: stale});
		}
	}

	#checkReady({network, config}: Extract<Call, {verb: 'STATUS'}>): void {
		const hindrance = this.#parts.hindrance();
		if (hindrance !== undefined) {
			throw hindrance;
		}

		const ranges = config.ranges ?? this.#parts.ipam.nodeRanges;
		if (ranges.length === 0) {
			throw new NetError('CNI_NOT_READY', `attach pods to ${network}: this Node has no podCIDRs yet`, {network});
		}
	}

	#planOf(attachment: Attachment, {config}: ContainerCall): LinkPlan {
		return linkPlanOf(attachment, config.ranges ?? this.#parts.ipam.nodeRanges, config);
	}

	/** @throws NetError CNI_BUSY when it takes longer, and what `work` rejects with */
	async #within(work: Promise<void>, limitMs: number, what: string): Promise<void> {
		const {promise, reject} = Promise.withResolvers<never>();
		const cancel = this.#parts.after(limitMs, () => reject(new NetError('CNI_BUSY', `${what} within ${limitMs} ms`)));
		try {
			await Promise.race([work, promise]);
		} finally {
			cancel();
		}
	}
}

/** What it throws; undefined when it does not. */
function attempt(work: () => void): Error | undefined {
	try {
		work();
		return undefined;
	} catch (error) {
		return error instanceof Error ? error : new Error(String(error));
	}
}

function containerOf(key: AttachmentKey): string {
	return key.slice(0, key.lastIndexOf('/'));
}
