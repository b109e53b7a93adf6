import type {LinkPlan, PodLinks} from '../../src/cni/link-plan.ts';
import {NetError} from '../../src/errors.ts';
import type {Netns} from '../../src/kernel/netns.ts';
import type {Address} from '../../src/net/address.ts';

/** Links of pods in memory: refuses what a test wants refused. Held to the kernel by test/kernel/cni-links.test.ts. */
export class FakeLinks implements PodLinks {
	/** The node's ends that are there, with what they were made from. */
	readonly made = new Map<string, LinkPlan>();
	/** What happened, in order: `attach fair…`, `detach fair…`. */
	readonly told: string[] = [];
	/** Thrown by the next attach, after which nothing of it is there; and by the next detach. */
	attachFault: NetError | undefined;
	detachFault: NetError | undefined;
	/** What the next check finds. */
	differences: readonly string[] = [];
	/** An attach waits for it. */
	gate: Promise<void> = Promise.resolve();

	async attach(plan: LinkPlan, _netns: Netns): Promise<void> {
		this.told.push(`attach ${plan.link}`);
		await this.gate;
		const fault = this.attachFault;
		this.attachFault = undefined;
		if (fault !== undefined) {
			throw fault;
		}

		if (this.made.has(plan.link)) {
			throw new NetError('CNI_INTERFACE', `make ${plan.link}: it is there`);
		}

		this.made.set(plan.link, plan);
	}

	async detach({link}: {readonly link: string}): Promise<void> {
		this.told.push(`detach ${link}`);
		const fault = this.detachFault;
		this.detachFault = undefined;
		if (fault !== undefined) {
			throw fault;
		}

		this.made.delete(link);
	}

	async check(): Promise<readonly string[]> {
		return this.differences;
	}

	async present(): Promise<ReadonlySet<string>> {
		return new Set(this.made.keys());
	}

	async idle(): Promise<ReadonlySet<string>> {
		return new Set(this.made.keys());
	}

	routed(): readonly Address[] {
		return [...this.made.values()].flatMap(({addresses}) => addresses.map(({address}) => address));
	}

	async settled(): Promise<void> {}

	nodeMtu(): number {
		return 1500;
	}

	close(): void {}
}
