import type {ForeignEdit, Outcome} from '../../src/dataplane/dataplane.ts';
import {NftablesDataplane} from '../../src/dataplane/nftables/nftables.ts';
import type {TableForm} from '../../src/dataplane/nftables/open.ts';
import type {Netns} from '../../src/kernel/netns.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import type {Plan} from '../../src/plan/plan.ts';
import {nftables} from '../../src/wire/nftables.ts';
import {littleEndian, viewOf} from '../../src/wire/writer.ts';

/** The kernel, with a count of what is read from it, and somebody who comes between. */
class CountedKernel extends Nftables {
	dumps = 0;
	/** Dumps of the elements of a set. */
	setsRead = 0;
	/** Awaited before each batch, with how many there were before it. */
	onCommit: ((before: number) => void | Promise<void>) | undefined;
	#batches = 0;

	override async commit(batch: Uint8Array, generation?: number) {
		await this.onCommit?.(this.#batches++);
		return await super.commit(batch, generation);
	}

	override dump(request: Uint8Array, signal?: AbortSignal) {
		this.dumps++;
		this.setsRead += viewOf(request).getUint16(4, littleEndian) === nftables.element.get ? 1 : 0; // nlmsg_type
		return super.dump(request, signal);
	}
}

/** A dataplane whose table is watched, and what others do to it is mended when it is told to. */
export class Mending {
	readonly kernel: CountedKernel;
	readonly dataplane: NftablesDataplane;
	readonly #stop = new AbortController();
	readonly #edits: AsyncIterator<ForeignEdit>;
	#next: Promise<IteratorResult<ForeignEdit>>;

	constructor({form = 'guarded', netns}: {readonly form?: TableForm; readonly netns?: Netns} = {}) {
		this.kernel = new CountedKernel(netns === undefined ? {} : {netns});
		this.dataplane = new NftablesDataplane({kernel: this.kernel, form});
		this.#edits = this.dataplane.watch(this.#stop.signal)[Symbol.asyncIterator]();
		this.#next = this.#edits.next(); // so it is followed from now on
	}

	async sync(plan: Plan): Promise<Outcome> {
		return await this.dataplane.sync(plan, true, this.#stop.signal);
	}

	/** Mends whatever is told, until all is right. */
	async settle(plan: Plan, isRight: () => Promise<boolean>): Promise<void> {
		while (!(await isRight())) {
			await this.edit();
			await this.mend(plan);
		}
	}

	/** The next thing that somebody else did to the table. */
	async edit(): Promise<ForeignEdit> {
		const {value} = await this.#next;
		this.#next = this.#edits.next();
		return value as ForeignEdit;
	}

	async mend(plan: Plan): Promise<Outcome & {readonly setsRead: number}> {
		const before = this.kernel.setsRead;
		const outcome = await this.dataplane.mend(plan, this.#stop.signal);
		return {...outcome, setsRead: this.kernel.setsRead - before};
	}

	async close(): Promise<void> {
		this.#stop.abort();
		await this.#next;
		this.dataplane.close();
	}
}
