import {fc} from '@fast-check/ava';
import {families} from '../../src/net/address.ts';
import type {Frontend} from '../../src/plan/frontend.ts';
import type {Plan} from '../../src/plan/plan.ts';
import {buildFrontend, buildPlan} from './frontends.ts';

/** Arbitrary states of two Services whose clients mostly keep their backend: every entrance, every list, both families. */

const entrances = ['cluster', 'vip', 'node'] as const;

type State = {
	readonly entrances: readonly (typeof entrances)[number][];
	readonly timeout: number | undefined;
	/** Of the pods 1 to 5; the first two are of this node. */
	readonly pods: readonly number[];
	readonly isLocal: boolean;
	readonly isFiltered: boolean;
};

const anyState: fc.Arbitrary<State> = fc.record({
	entrances: fc.subarray([...entrances]),
	timeout: fc.constantFrom(600, 600, 90, undefined),
	pods: fc.shuffledSubarray([1, 2, 3, 4, 5]),
	isLocal: fc.boolean(),
	isFiltered: fc.boolean(),
});

/** One plan after the other. */
export const anyStickyPlans: fc.Arbitrary<readonly Plan[]> = fc
	.array(fc.tuple(anyState, anyState), {minLength: 1, maxLength: 8})
	.map((states) =>
		states.map(([cart, desk]) => buildPlan([...frontendsOf('cart', 1, cart), ...frontendsOf('desk', 2, desk)])),
	);

function frontendsOf(name: string, index: number, state: State): Frontend[] {
	return families.flatMap((family) => {
		const six = family === 'IPv6';
		const places = {
			cluster: six ? `fd00:96::${index}` : `10.96.0.${index}`,
			vip: six ? `2001:db8:71::${index}` : `203.0.113.${index}`,
			node: six ? 'fd00:31::1' : '172.31.1.1',
		} as const;
		const pod = (number: number) => `${six ? 'fd00:128::' : '10.128.0.'}${number}${number <= 2 ? '!' : ''}`;
		const list = (pods: readonly number[], otherwise: string) => pods.map(pod).join(' ') || otherwise;
		const common = {
			name,
			target: list(state.pods, 'reject'),
			...(state.timeout !== undefined && {affinityTimeoutSeconds: state.timeout}),
		};
		const external = {
			...common,
			masquerade: 'node',
			...(state.isLocal && {
				local: list(
					state.pods.filter((number) => number <= 2),
					'drop',
				),
			}),
		} as const;
		const sourceRanges = state.isFiltered ? {sourceRanges: [six ? '2001:db8::/32' : '192.0.2.0/24']} : {};
		const built = {
			cluster: buildFrontend({...common, address: places.cluster}),
			vip: buildFrontend({...external, ...sourceRanges, kind: 'loadBalancerIP', address: places.vip}),
			node: buildFrontend({...external, kind: 'nodePort', address: places.node, port: 30_000 + index}),
		};
		return state.entrances.map((entrance) => built[entrance]);
	});
}

/** What leads from one plan to the next. */
export function touchedBetween(before: Plan, after: Plan): ReadonlySet<string> {
	return new Set([...before.frontends.keys(), ...after.frontends.keys()]);
}
