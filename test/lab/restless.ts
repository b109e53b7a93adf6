import type {Change} from '../../src/model/change.ts';
import type {KubeObject} from '../../src/model/objects.ts';
import {keyOf} from '../../src/model/objects.ts';
import {
	buildEndpoint,
	buildEndpointPort,
	buildLocalEndpoint,
	buildPort,
	buildService,
	buildServiceCidr,
	buildSlice,
	notReady,
} from '../support/builders.ts';

/** What may be otherwise about one Service of the restless cluster. */
type State = {
	isThere: boolean;
	affinity: boolean;
	isLocal: boolean;
	nodePort: boolean;
	readonly endpoints: Set<number>;
	readonly unready: Set<number>;
};

const endpointsAtStart = [0, 1, 2];
/** So many endpoints a Service can have. */
const endpointsMax = 6;

/** A cluster of a fixed number of Services in which something changes all the time; the same in every run. */
export class RestlessCluster {
	readonly #states: State[];
	#chance = 1;

	constructor(services: number) {
		this.#states = Array.from({length: services}, newState);
	}

	/** All objects, as they are now. */
	*all(): Generator<Change> {
		yield {verb: 'put', object: buildServiceCidr('kubernetes', '10.96.0.0/16', 'fd00:96::/112')};
		for (const index of this.#states.keys()) {
			for (const object of this.#objects(index)) {
				yield {verb: 'put', object};
			}
		}
	}

	/** Changes something about a Service chosen by chance: all that an API server would tell of it. */
	change(): readonly Change[] {
		const index = this.#draw(this.#states.length);
		const state = this.#states[index];
		if (state === undefined) {
			return [];
		}

		if (!state.isThere) {
			state.isThere = true;
			return this.#put(index);
		}

		switch (this.#draw(8)) {
			case 0:
				return this.#remove(index, state);
			case 1:
				state.affinity = !state.affinity;
				break;
			case 2:
				state.isLocal = !state.isLocal;
				break;
			case 3:
				state.nodePort = !state.nodePort;
				break;
			case 4:
				toggle(state.unready, this.#draw(endpointsMax));
				break;
			default:
				toggle(state.endpoints, this.#draw(endpointsMax));
		}

		return this.#put(index);
	}

	/** Makes everything as it was at the start. */
	*reset(): Generator<Change> {
		for (const index of this.#states.keys()) {
			this.#states[index] = newState();
			yield* this.#put(index);
		}
	}

	#remove(index: number, state: State): readonly Change[] {
		const gone = this.#objects(index).map(
			(object): Change => ({verb: 'delete', kind: object.kind, key: keyOf(object)}),
		);
		state.isThere = false;
		return gone;
	}

	#put(index: number): readonly Change[] {
		return this.#objects(index).map((object) => ({verb: 'put', object}));
	}

	#objects(index: number): readonly KubeObject[] {
		const {endpoints, unready, affinity, isLocal, nodePort} = this.#states[index] ?? newState();
		const name = `shop/s${index}` as const;
		const protocol = index % 2 === 0 ? 'TCP' : 'UDP';
		const [high, low] = [index >> 8, index & 255];
		const hex = (index + 16).toString(16);
		const ports = [buildEndpointPort(8080, 'http', protocol)];
		const slice = (family: 'IPv4' | 'IPv6') => {
			const all = [...endpoints].map((slot) => {
				const address =
					family === 'IPv4' ? `10.128.${high * endpointsMax + slot}.${low}` : `fd00:128::${hex}:${slot + 1}`;
				const build = slot === 0 ? buildLocalEndpoint : buildEndpoint;
				return build(address, unready.has(slot) ? notReady : {});
			});
			return {...buildSlice(name, all, {name: `s${index}-${family.toLowerCase()}`, ports}), family};
		};
		return [
			buildService(name, {
				type: nodePort ? 'NodePort' : 'ClusterIP',
				clusterIps: [`10.96.${high}.${low}`, `fd00:96::${hex}`],
				ports: [buildPort({protocol, nodePort: nodePort ? 30_000 + index : 0})],
				externalTrafficPolicy: isLocal ? 'Local' : 'Cluster',
				...(affinity && {affinityTimeoutSeconds: 10_800}),
			}),
			slice('IPv4'),
			slice('IPv6'),
		];
	}

	/** Park and Miller's minimal standard generator. */
	#draw(below: number): number {
		this.#chance = (this.#chance * 48_271) % 2_147_483_647;
		return this.#chance % below;
	}
}

function newState(): State {
	const plain = {isThere: true, affinity: false, isLocal: false, nodePort: true};
	return {...plain, endpoints: new Set(endpointsAtStart), unready: new Set()};
}

function toggle(set: Set<number>, value: number): void {
	if (!set.delete(value)) {
		set.add(value);
	}
}
