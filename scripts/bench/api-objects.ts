import {setTimeout} from 'node:timers/promises';
import {addressBytes} from '../../src/net/address.ts';
import type {Cluster} from '../../test/cluster/cluster.ts';
import type {CommitWatch} from './api-commits.ts';
import {nodeName, spareAddress} from './cluster.ts';
import {service, slice} from './kubectl.ts';

type Size = {readonly services: number; readonly endpoints: number};

/** Writes that are on their way at once while the cluster is filled. */
const parallel = 16;

/** A commit that is not heard of for so long is lost. */
const lostMs = 30_000;

type Manifest = Readonly<Record<string, unknown>> & {readonly metadata: Readonly<Record<string, unknown>>};

/** Creates the namespaces, this node, and each Service with the slice of its endpoints. */
export async function fillCluster(cluster: Cluster, size: Size, progress: (done: number) => void): Promise<void> {
	for (let team = 0; team < 50; team++) {
		await cluster.create('/api/v1/namespaces', {apiVersion: 'v1', kind: 'Namespace', metadata: {name: `team-${team}`}});
	}

	await cluster.createWithStatus({
		...{apiVersion: 'v1', kind: 'Node', metadata: {name: nodeName}},
		status: {addresses: [{type: 'InternalIP', address: '127.0.0.1'}]},
	});
	let next = 0;
	const work = async () => {
		while (next < size.services) {
			const index = next++;
			await cluster.create(`/api/v1/namespaces/team-${index % 50}/services`, withoutAddress(service(index)));
			await cluster.create(sliceFolder(index), created(slice(index, size.endpoints)));
			progress(index + 1);
		}
	};
	await Promise.all(Array.from({length: parallel}, work));
}

/** One endpoint after the other is replaced, each on another Service and by an address that was never used. */
export class Writes {
	readonly #cluster: Cluster;
	readonly #size: Size;
	readonly #commits: CommitWatch;
	#step: number;

	/** @param first number of the first change: writes with the same numbers change nothing any more */
	constructor(cluster: Cluster, size: Size, commits: CommitWatch, first: number) {
		this.#cluster = cluster;
		this.#size = size;
		this.#commits = commits;
		this.#step = first;
	}

	/** Milliseconds from the API server's answer to a write until the commit that holds it. @throws Error when none came */
	async change(): Promise<number> {
		const {services, endpoints} = this.#size;
		const step = this.#step++;
		const index = (step * 7919) % services; // a prime: far apart, each once
		const address = spareAddress(step % 500_000);
		const bytes = addressBytes(address);
		const commit = this.#commits.commitOf(bytes);
		const {name} = slice(index, 0).metadata;
		const body = created(slice(index, endpoints, address));
		const {status, body: answer} = await this.#cluster.request('PUT', `${sliceFolder(index)}/${name}`, body);
		const answered = performance.now();
		if (status !== 200) {
			throw new Error(`the API server took no change: ${status} ${answer}`);
		}

		const committed = await Promise.race([commit, setTimeout(lostMs, undefined, {ref: false})]);
		this.#commits.forget(bytes);
		if (committed === undefined) {
			throw new Error(`a change of ${name} was in no commit for ${lostMs} ms`);
		}

		return committed - answered;
	}

	/** Changes at a steady rate, whether or not those before are in force; `lost` is how many never were. */
	async changeSteadily(
		perSecond: number,
		seconds: number,
		progress: (share: number) => void,
	): Promise<{readonly latencies: readonly number[]; readonly lost: number}> {
		const began = performance.now();
		const changes: Promise<number>[] = [];
		const total = perSecond * seconds;
		for (let change = 0; change < total; change++) {
			await setTimeout(Math.max(0, began + (change * 1000) / perSecond - performance.now()));
			const latency = this.change();
			latency.catch(() => undefined); // counted below
			changes.push(latency);
			progress(change / total);
		}

		const outcomes = await Promise.allSettled(changes);
		const latencies = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
		return {latencies, lost: total - latencies.length};
	}
}

function sliceFolder(index: number): string {
	return `/apis/discovery.k8s.io/v1/namespaces/team-${index % 50}/endpointslices`;
}

/** The API server has given one of the bench's addresses to its own Service. */
function withoutAddress({spec, ...manifest}: ReturnType<typeof service>): object {
	const {clusterIP: _one, clusterIPs: _all, ...own} = spec;
	return created({...manifest, spec: own});
}

/** Without what the API server gives it. */
function created({metadata, ...manifest}: Manifest): object {
	const {resourceVersion: _version, uid: _uid, creationTimestamp: _created, ...own} = metadata;
	return {...manifest, metadata: own};
}
