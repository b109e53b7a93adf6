import type {FlowDoor} from '../../src/conntrack/sweep.ts';
import {systemClock} from '../../src/daemon/clock.ts';
import {Cluster} from '../../src/daemon/cluster.ts';
import {FlowFollower, type FlowPass} from '../../src/daemon/flows.ts';
import type {Commit} from '../../src/daemon/follower.ts';
import {newCondition} from '../../src/daemon/health.ts';
import {Inbox} from '../../src/daemon/inbox.ts';
import {Reconciler} from '../../src/daemon/reconciler.ts';
import {NftablesDataplane} from '../../src/dataplane/nftables/nftables.ts';
import {Conntrack} from '../../src/kernel/conntrack.ts';
import {Netns} from '../../src/kernel/netns.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import type {Change} from '../../src/model/change.ts';
import {families} from '../../src/net/address.ts';
import {silentLog} from '../../src/observe/log.ts';
import type {PlanOptions} from '../../src/plan/options.ts';
import {encodeMessage} from '../../src/wire/body.ts';
import {conntrack as wire} from '../../src/wire/conntrack.ts';
import {messageFlags} from '../../src/wire/message.ts';
import {Writer} from '../../src/wire/writer.ts';
import {thisNode} from '../support/builders.ts';

/** A commit, and the passes through connection tracking up to the one that left nothing to be looked at. */
export type Followed = {readonly commit: Commit; readonly passes: readonly FlowPass[]};

/** The daemon's reconciler and what deletes stale flows, at work in a host's namespace, with a test as the one source. */
export class ReconciledNode {
	readonly conntrack: Conntrack;
	readonly #netns: Netns;
	readonly #dataplane: NftablesDataplane;
	readonly #inbox = new Inbox(systemClock);
	readonly #stop = new AbortController();
	readonly #running: Promise<unknown>;
	readonly #flows: FlowFollower;
	readonly #follows: boolean;
	readonly #options: Partial<PlanOptions>;
	#committed = Promise.withResolvers<Commit>();
	#passes: FlowPass[] = [];

	/**
	 * @param host where the rules go
	 * @param open where flows are read and deleted; the kernel's own connection tracking unless told
	 * @param follows whether flows are looked at
	 * @param options what the planner is told otherwise: it knows no pod of this node by itself
	 */
	constructor(
		host: {readonly netns: string},
		open: (conntrack: Conntrack) => FlowDoor = (conntrack) => conntrack,
		follows = true,
		options: Partial<PlanOptions> = {},
	) {
		[this.#follows, this.#options] = [follows, options];
		this.#netns = new Netns(host.netns);
		this.conntrack = new Conntrack({netns: this.#netns});
		this.#dataplane = new NftablesDataplane({kernel: new Nftables({netns: this.#netns})});
		this.#flows = new FlowFollower({
			...{door: open(this.conntrack), log: silentLog, clock: systemClock, retryCeilingMs: () => 1000},
			observe: (pass) => this.#passes.push(pass),
		});
		const {signal} = this.#stop;
		this.#running = Promise.all([this.#reconciler().run(signal, signal), this.#flows.run(signal, signal)]);
	}

	/** Takes changes in, and waits until they are in force and no flow is left to be looked at. */
	async apply(changes: readonly Change[]): Promise<Followed> {
		this.#passes = [];
		const commit = await this.commit(changes);
		await this.#flows.idle();
		return {commit, passes: this.#passes};
	}

	/** Takes changes in, and waits until they are in force. */
	async commit(changes: readonly Change[]): Promise<Commit> {
		this.#committed = Promise.withResolvers();
		this.#inbox.push({source: 'files', changes});
		return await this.#committed.promise;
	}

	/** Flows of an earlier test live on for two seconds. */
	async forgetFlows(): Promise<void> {
		const writer = new Writer();
		const {delete: type, layout} = wire.flow;
		encodeMessage(writer, {type, flags: messageFlags.request, sequence: 0}, layout, {}); // without a tuple: all
		await this.conntrack.request(writer.written());
	}

	/** Ends as a daemon does: what is in the kernel stays in force. */
	async leave(): Promise<void> {
		this.#stop.abort();
		await this.#running;
		this.#dataplane.close();
		this.#netns.close();
	}

	async end(): Promise<void> {
		this.#stop.abort();
		await this.#running;
		await this.#dataplane.cleanup();
		await this.leave();
	}

	#reconciler(): Reconciler {
		return new Reconciler({
			sources: ['files'],
			inbox: this.#inbox,
			cluster: new Cluster({
				...{nodeName: thisNode, families, detector: {kind: 'none'}, masqueradeAll: false},
				...{nodePortAddresses: ['primary'], nodeIps: []},
				...this.#options,
			}),
			dataplane: this.#dataplane,
			condition: newCondition(),
			followers: [...(this.#follows ? [this.#flows] : []), {committed: (commit) => this.#committed.resolve(commit)}],
			log: silentLog,
			clock: systemClock,
			retryCeilingMs: () => 1000,
			minPeriodMs: () => 0,
		});
	}
}
