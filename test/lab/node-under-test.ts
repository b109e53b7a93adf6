import {NftablesDataplane} from '../../src/dataplane/nftables/nftables.ts';
import {Netns} from '../../src/kernel/netns.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import type {Host} from './host.ts';
import {Pipeline} from './pipeline.ts';

/** The daemon's inner parts, without a process of their own: objects in, rules in a host's namespace out. */
export class NodeUnderTest {
	readonly #netns: Netns;
	readonly #dataplane: NftablesDataplane;
	#pipeline = new Pipeline(new Map());

	constructor(host: Host) {
		this.#netns = new Netns(host.netns);
		this.#dataplane = new NftablesDataplane({kernel: new Nftables({netns: this.#netns})});
	}

	/** Begins anew with these flags and objects; what the kernel has is compared, and only the difference sent. */
	async sync(flags: ReadonlyMap<string, string>, objects: readonly unknown[]): Promise<void> {
		this.#pipeline = new Pipeline(flags);
		this.#pipeline.put(objects);
		refuseNothing(await this.#dataplane.sync(this.#pipeline.plan, true, new AbortController().signal));
	}

	/** Takes changed objects in, and sends what they touched. */
	async put(objects: readonly unknown[]): Promise<void> {
		const change = this.#pipeline.put(objects);
		refuseNothing(await this.#dataplane.update(this.#pipeline.plan, change, new AbortController().signal));
	}

	async end(): Promise<void> {
		await this.#dataplane.cleanup();
		this.#dataplane.close();
		this.#netns.close();
	}
}

function refuseNothing({refused}: {readonly refused: readonly {readonly error: Error}[]}): void {
	if (refused[0] !== undefined) {
		throw refused[0].error;
	}
}
