import {release} from 'node:os';
import {moments} from './connect-prober.ts';
import type {Measured, RoundsOptions} from './connect-rounds.ts';
import type {RuleCounts} from './connect-rules.ts';
import {type Comparison, judge, overFewest, overPeer, percentiles} from './connect-verdict.ts';
import {median, table} from './numbers.ts';

type Results = {
	readonly options: RoundsOptions;
	readonly measured: readonly Measured[];
	readonly rules: RuleCounts;
};

/** All numbers as one value: times in microseconds, medians of the rounds; each round's ratios are in the intervals. */
export function document({options, measured, rules}: Results) {
	return {
		kernel: release(),
		...options,
		interval: 'two-sided 95 % t-interval of the logarithms of paired rounds',
		paths: measured.map(({path, rounds}) => ({
			...path,
			us: Object.fromEntries(
				moments.map((moment) => [
					moment,
					Object.fromEntries(percentiles.map((each) => [each, median(rounds[moment][each])])),
				]),
			),
		})),
		overKubeProxy: overPeer(measured),
		overFewestServices: overFewest(measured),
		rules,
		requirements: judge(options.rounds, measured, rules),
	};
}

/** The same for a reader. */
export function report({options, measured, rules}: Results): string[] {
	const {rounds, connections} = options;
	return [
		...section(
			`µs from connect(), p50 / p99: medians of ${rounds} rounds of ${connections} new connections on each path`,
			measured.map(timesRow),
		),
		...section(
			"Fairlead over kube-proxy's shape, same cluster IP: ratio, and the 95 % interval",
			ratioRows(overPeer(measured)),
		),
		...section('Fairlead over itself among the fewest Services', ratioRows(overFewest(measured))),
		...section('Rules that a first packet meets', rules.first.map(firstRow)),
		...section('Rules that all packets behind the first meet', rules.established.map(establishedRow)),
		...judge(rounds, measured, rules).map(
			({what, verdict, because}) => `${verdict.toUpperCase()}  ${what} (${because})`,
		),
		'',
		...footnotes,
	];
}

function section(title: string, rows: readonly Readonly<Record<string, unknown>>[]): string[] {
	return rows.length === 0 ? [] : [title, '', ...table(rows), ''];
}

function firstRow({what, fairlead, kubeProxy}: RuleCounts['first'][number]): Record<string, unknown> {
	return {packet: what, Fairlead: fairlead, 'kube-proxy': kubeProxy};
}

function establishedRow({what, fairlead, kubeProxy}: RuleCounts['established'][number]): Record<string, unknown> {
	return {
		connection: what,
		Fairlead: `${fairlead.rules} in ${fairlead.packets} packets`,
		'kube-proxy': `${kubeProxy.rules} in ${kubeProxy.packets} packets`,
	};
}

const footnotes = [
	'Intervals: two-sided 95 % t-intervals of the logarithms of the rounds’ ratios; p99 is judged over all rows together.',
	'OPEN: the interval holds the limit, this run cannot tell. The paths take turns every three connections, each time in',
	'another order. Client and server are one thread in two network namespaces, with a node between them: the kernel’s',
	'own time, without a scheduler’s. Each ruleset is in a node of its own, made and loaded anew four times in a run.',
	'The Service that is asked has three endpoints in both rulesets, TCP and UDP. All others have one endpoint: there',
	'kube-proxy 1.37 writes no map, the quickest that its shape can be. Fairlead’s table is loaded by its own dataplane;',
	'rules are counted in the same table, printed, with a counter in front of each rule.',
];

function timesRow({path, rounds}: Measured): Record<string, string> {
	const times = moments.map((moment) => {
		const [p50, p99] = percentiles.map((each) => median(rounds[moment][each]).toFixed(1));
		return [moment, `${p50} / ${p99}`] as const;
	});
	const {client, to, ruleset, services} = path;
	return {from: client, to, rules: ruleset, Services: String(services), ...Object.fromEntries(times)};
}

function ratioRows(comparisons: readonly Comparison[]): Record<string, string>[] {
	const rows = Map.groupBy(comparisons, ({client, moment, services}) => `${client} ${services} ${moment}`);
	return [...rows.values()].map((group) => ({
		from: group[0]?.client ?? '',
		Services: String(group[0]?.services ?? ''),
		to: group[0]?.moment ?? '',
		...Object.fromEntries(
			group.map(({percentile, ratio, lower, upper}) => [
				percentile,
				`${ratio.toFixed(3)} (${lower.toFixed(3)} to ${upper.toFixed(3)})`,
			]),
		),
	}));
}
