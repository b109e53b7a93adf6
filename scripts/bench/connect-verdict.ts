import {type Moment, moments} from './connect-prober.ts';
import type {Measured, Path} from './connect-rounds.ts';
import type {RuleCounts} from './connect-rules.ts';
import {type Interval, pairedRatio} from './statistics.ts';

export const percentiles = ['p50', 'p99'] as const;
type Percentile = (typeof percentiles)[number];

/** How many times as long some paths take as others, in paired rounds. */
export type Comparison = Interval & {
	readonly client: Path['client'] | 'both';
	readonly moment: Moment;
	readonly percentile: Percentile;
	readonly services: number | 'all';
};

/** What must be true; `open`: the interval holds the limit, this run cannot tell. */
export type Requirement = {
	readonly what: string;
	readonly verdict: 'pass' | 'open' | 'fail';
	readonly because: string;
};

/** Each cluster IP of ours over the same one of kube-proxy's shape, then all of them over all. */
export function overPeer(measured: readonly Measured[]): Comparison[] {
	const pairs = clusterIps(measured, 'Fairlead').flatMap((ours): Pair[] => {
		const {client, services} = ours.path;
		const theirs = clusterIps(measured, 'kube-proxy').find(
			({path}) => path.client === client && path.services === services,
		);
		return theirs === undefined ? [] : [[ours, theirs]];
	});
	return [
		...pairs.flatMap((pair) => compare([pair], pair[0].path)),
		...compare(pairs, {client: 'both', services: 'all'}),
	];
}

/** Our cluster IP among the most Services over the one among the fewest, of each client, then of both together. */
export function overFewest(measured: readonly Measured[]): Comparison[] {
	const ours = clusterIps(measured, 'Fairlead');
	const pairs = (['pod', 'node'] as const).flatMap((client): Pair[] => {
		const own = ours.filter(({path}) => path.client === client);
		const sorted = own.toSorted((a, b) => a.path.services - b.path.services);
		const [fewest, most] = [sorted[0], sorted.at(-1)];
		return fewest === undefined || most === undefined || fewest === most ? [] : [[most, fewest]];
	});
	const services = pairs[0]?.[0].path.services ?? 'all';
	return [...pairs.flatMap((pair) => compare([pair], pair[0].path)), ...compare(pairs, {client: 'both', services})];
}

type Pair = readonly [path: Measured, base: Measured];

function clusterIps(measured: readonly Measured[], ruleset: Path['ruleset']): Measured[] {
	return measured.filter(({path}) => path.to === 'cluster IP' && path.ruleset === ruleset);
}

/** Several pairs count as one: of each round the geometric mean over them. */
function compare(pairs: readonly Pair[], {client, services}: Pick<Comparison, 'client' | 'services'>): Comparison[] {
	if (pairs.length === 0) {
		return [];
	}

	return moments.flatMap((moment) =>
		percentiles.map((percentile) => {
			const [paths, bases] = [0, 1].map((side) =>
				geometricMeans(pairs.map((pair) => pair[side]?.rounds[moment][percentile] ?? [])),
			);
			return {client, moment, percentile, services, ...pairedRatio(paths ?? [], bases ?? [])};
		}),
	);
}

/** Round by round. */
function geometricMeans(series: readonly (readonly number[])[]): number[] {
	const rounds = series[0]?.length ?? 0;
	return Array.from({length: rounds}, (_, round) => {
		const logs = series.map((values) => Math.log(values[round] ?? Number.NaN));
		return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
	});
}

/** What a growing cluster may cost at most, by the interval's upper end: misses of the processor's caches. */
const mostGrowth = 1.05;
const fewestRounds = 15;

/**
 * The promises of the dataplane, judged by the upper ends of the intervals: at p50 of each row, at p99, which is mostly
 * the machine's noise, of all rows together.
 */
export function judge(rounds: number, measured: readonly Measured[], {established}: RuleCounts): Requirement[] {
	const [peer, growth] = [overPeer(measured), overFewest(measured)];
	const free = established.every(({fairlead}) => fairlead.rules === 0 && fairlead.packets > 0);
	return [
		{
			what: `at least ${fewestRounds} paired rounds`,
			verdict: rounds >= fewestRounds ? 'pass' : 'fail',
			because: `${rounds} rounds`,
		},
		...percentiles.map((percentile) => atMost(peer, percentile, "over kube-proxy's shape", 1)),
		...(growth.length === 0
			? []
			: percentiles.map((each) => atMost(growth, each, 'over the fewest Services', mostGrowth))),
		{
			what: 'established packets meet no rule',
			verdict: free ? 'pass' : 'fail',
			because: established.map(({fairlead: {rules, packets}}) => `${rules} rules in ${packets} packets`).join(', '),
		},
	];
}

function atMost(all: readonly Comparison[], percentile: Percentile, what: string, most: number): Requirement {
	const judged = all.filter(
		(row) => row.percentile === percentile && (row.client === 'both') === (percentile === 'p99'),
	);
	const under = judged.filter(({upper}) => upper <= most).length;
	const above = judged.filter(({lower}) => lower > most).length;
	return {
		what: `${what}, ${percentile}: upper bound of the ratio ≤ ${most.toFixed(2)}`,
		verdict: above > 0 ? 'fail' : under === judged.length ? 'pass' : 'open',
		because: `of ${judged.length} intervals ${under} lie under it, ${above} above it`,
	};
}
