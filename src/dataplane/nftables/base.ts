import type {Family} from '../../net/address.ts';
import {collapsePrefixes, type Prefix, prefixFamily} from '../../net/prefix.ts';
import type {LocalDetector, NodePlan} from '../../plan/plan.ts';
import {actions} from './actions.ts';
import {
	type Base,
	type Chain,
	type Rule,
	type SetName,
	type SetSpec,
	type Statement,
	serviceKey,
	type Verdict,
} from './ruleset.ts';

/** All sets and maps. Their order is that of the listing. */
const sets: readonly SetSpec[] = [
	{name: 'cluster-ips', key: ['daddr']},
	{name: 'service-cidrs', key: ['daddr'], interval: true},
	{name: 'local-pods', key: ['saddr'], interval: true},
	{name: 'hairpin', key: ['saddr', 'daddr']},
	{name: 'source-ranges', key: [...serviceKey, 'saddr'], interval: true},
	{name: 'external', key: serviceKey},
	{name: 'external-local', key: serviceKey},
	{name: 'services', key: serviceKey, data: ['priority']},
	{name: 'cluster-policy', key: serviceKey, data: ['priority']},
	{name: 'local-policy', key: serviceKey, data: ['priority']},
	// the data is `th dport`: with `tcp dport` nft makes rules that only TCP meets, without a word
	{name: 'endpoints', key: [...serviceKey, 'slot'], data: ['daddr', 'dport']},
	{name: 'verdicts', key: ['priority'], data: 'verdict'},
	{name: 'policy-verdicts', key: ['priority'], data: 'verdict'},
];

export const setNames: readonly SetName[] = sets.map(({name}) => name);

const drop: Rule = [{kind: 'verdict', verdict: {kind: 'drop'}}];
const masquerade: Statement = {kind: 'masquerade'};
const fromNode: Statement = {kind: 'fromNode'};

function goto(chain: string): Statement {
	const verdict: Verdict = {kind: 'goto', chain};
	return {kind: 'verdict', verdict};
}

/** Looks the packet's destination up, and goes where the action found there leads. */
function decide(map: 'services' | 'cluster-policy' | 'local-policy'): Rule {
	return [
		{kind: 'choose', map},
		{kind: 'dispatch', map: map === 'services' ? 'verdicts' : 'policy-verdicts'},
	];
}

const allowedSource: Statement = {kind: 'lookup', key: [...serviceKey, 'saddr'], set: 'source-ranges'};
const protocols = ['TCP', 'UDP', 'SCTP'] as const;

/** Rules for `set` on where the connection first went. nft takes `ct original proto-dst` only behind the protocol. */
function onOriginal(set: 'external' | 'external-local', then: readonly Statement[]): Rule[] {
	const key = ['originalDaddr', 'l4proto', 'originalDport'] as const;
	return protocols.map((protocol) => [{kind: 'protocol', protocol}, {kind: 'lookup', key, set}, ...then]);
}

/**
 * What does not belong to one frontend.
 *
 * @param family only what is of this family counts
 */
export function compileBase(node: NodePlan, family: Family): Base {
	const pods = matchPods(node.detector, family);
	return {
		family,
		sets,
		chains: [refuse, ...splitChains(pods), incoming, outgoing(pods)],
		hooked: [
			{name: 'prerouting', hook: {hook: 'prerouting', priority: -100}, rules: [[goto('incoming')]]},
			{name: 'output', hook: {hook: 'output', priority: -100}, rules: [[goto('incoming')]]},
			{
				name: 'postrouting',
				hook: {hook: 'postrouting', priority: 100},
				rules: [[{kind: 'translated'}, goto('outgoing')]],
			},
		],
		prefixes: {
			'service-cidrs': ofFamily(node.serviceCidrs, family),
			'local-pods': node.detector.kind === 'prefixes' ? ofFamily(node.detector.prefixes, family) : [],
		},
		actions: Object.values(actions),
	};
}

function ofFamily(prefixes: readonly Prefix[], family: Family): Prefix[] {
	return collapsePrefixes(prefixes.filter((prefix) => prefixFamily(prefix) === family));
}

/** Matches a source that is a pod of this node, or with `negated` one that is none; undefined when nothing tells. */
type MatchPods = (negated: boolean) => Statement;

function matchPods(detector: LocalDetector, family: Family): MatchPods | undefined {
	switch (detector.kind) {
		case 'none':
			return undefined;
		case 'prefixes':
			return detector.prefixes.some((prefix) => prefixFamily(prefix) === family)
				? (negated) => ({kind: 'lookup', key: ['saddr'], set: 'local-pods', ...(negated && {negated})})
				: undefined;
		case 'interface':
			return (negated) => ({kind: 'interface', name: detector.name, exact: true, ...(negated && {negated})});
		case 'interfacePrefix':
			return (negated) => ({kind: 'interface', name: detector.prefix, exact: false, ...(negated && {negated})});
	}
}

const refuse: Chain = {
	name: 'refuse',
	rules: [
		[
			{kind: 'protocol', protocol: 'TCP'},
			{kind: 'reject', with: 'tcp reset'},
		],
		[{kind: 'reject', with: 'port unreachable'}],
	],
};

const incoming: Chain = {
	name: 'incoming',
	rules: [
		decide('services'),
		[{kind: 'lookup', key: ['daddr'], set: 'cluster-ips'}, goto('refuse')],
		[{kind: 'lookup', key: ['daddr'], set: 'service-cidrs'}, ...drop],
	],
};

/** Frontends with more than one list, or with source ranges: `cluster-policy` and `local-policy` hold their actions. */
function splitChains(pods: MatchPods | undefined): Chain[] {
	return [
		{
			name: 'split',
			rules: [
				...(pods ? [[pods(false), ...decide('cluster-policy')]] : []),
				[fromNode, ...decide('cluster-policy')],
				decide('local-policy'),
				drop,
			],
		},
		{name: 'ranges', rules: [[allowedSource, ...decide('cluster-policy')], drop]},
		{name: 'ranges-split', rules: [[allowedSource, goto('split')], drop]},
	];
}

/** Whose source is rewritten, of the connections whose destination was. */
function outgoing(pods: MatchPods | undefined): Chain {
	return {
		name: 'outgoing',
		rules: [
			[{kind: 'lookup', key: ['saddr', 'daddr'], set: 'hairpin'}, masquerade],
			...onOriginal('external', [masquerade]),
			...onOriginal('external-local', [fromNode, masquerade]),
			// last: a cluster IP that is always masqueraded stands in `external`
			...(pods
				? [[{kind: 'lookup', key: ['originalDaddr'], set: 'cluster-ips'}, pods(true), masquerade] as const]
				: []),
		],
	};
}
