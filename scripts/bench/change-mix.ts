import type {Change} from '../../src/model/change.ts';
import type {Endpoint} from '../../src/model/objects.ts';
import {endpoint, endpointAddress, service, slice, spareAddress} from './cluster.ts';

/** One change of a fixed mix on Services chosen by chance: add an endpoint, remove the first, flip ready, node port. */
export function* changeMix(size: {
	readonly services: number;
	readonly endpoints: number;
	readonly changes: number;
	readonly seed: number;
}): Generator<Change> {
	const random = generator(size.seed);
	const endpointsOf = new Map<number, Endpoint[]>();
	const nodePorts = new Set<number>();
	for (let step = 0; step < size.changes; step++) {
		const index = Math.floor(random() * size.services);
		const original = () =>
			Array.from({length: size.endpoints}, (_, slot) => endpoint(endpointAddress(index, slot, size.endpoints), slot));
		const endpoints = endpointsOf.get(index) ?? original();
		endpointsOf.set(index, endpoints);
		switch (step % 4) {
			case 0:
				endpoints.push(endpoint(spareAddress(step), step));
				break;
			case 1:
				// the first that is ready: without another nothing would change in the kernel
				endpoints.splice(
					endpoints.findIndex(({ready}) => ready),
					1,
				);
				break;
			case 2:
				flip(endpoints, Math.floor(random() * endpoints.length));
				break;
			case 3:
				yield {verb: 'put', object: service(index, toggle(nodePorts, index) ? 30_000 + (step >> 2) : 0)};
				continue;
		}

		yield {verb: 'put', object: slice(index, [...endpoints])};
	}
}

function flip(endpoints: Endpoint[], at: number): void {
	const before = endpoints[at];
	if (before !== undefined) {
		endpoints[at] = {...before, ready: !before.ready, serving: !before.ready};
	}
}

/** Whether `value` is in the set now. */
function toggle(set: Set<number>, value: number): boolean {
	if (!set.delete(value)) {
		set.add(value);
	}

	return set.has(value);
}

/** Park and Miller's minimal standard generator: the same numbers in every run. */
function generator(seed: number): () => number {
	let state = seed + 1;
	return () => {
		state = (state * 48_271) % 2_147_483_647;
		return state / 2_147_483_647;
	};
}
