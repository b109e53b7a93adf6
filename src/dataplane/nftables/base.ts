import {type Family, familyOf} from '../../net/address.ts';
import {collapsePrefixes, type Prefix, parsePrefix, prefixFamily} from '../../net/prefix.ts';
import type {Frontend} from '../../plan/frontend.ts';
import type {LocalDetector, NodePlan} from '../../plan/plan.ts';
import {actions} from './actions.ts';
import {
	type Base,
	type Chain,
	type Field,
	type Rule,
	type SetName,
	type SetSpec,
	type Statement,
	serviceKey,
	type Verdict,
} from './ruleset.ts';

/** Clients that are remembered, of all Services. Those beyond are served, but not remembered. */
const clientsMax = 1_048_576;

/**
 * A service port and a client. nft 1.0.6 ends at a rule that updates a map with a key of more than 16 bytes: of an IPv6
 * client it has two hashes, which are declared as the random numbers that they look like (it cannot list a `typeof`
 * with a hash).
 */
const clientKey: Readonly<Record<Family, readonly Field[]>> = {
	IPv4: ['priority', 'saddr'],
	IPv6: ['priority', 'slot', 'slot'],
};

/** The sets and maps of every table. Their order is that of the listing. */
const setsOf = (family: Family): readonly SetSpec[] => [
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
	{name: 'sticky-slots', key: [...serviceKey, 'slot'], data: ['priority']},
	{name: 'sticky-endpoints', key: [...serviceKey, 'priority'], data: ['daddr', 'dport']},
	{name: 'sticky-local-endpoints', key: [...serviceKey, 'priority'], data: ['daddr', 'dport']},
	{name: 'affinity', key: clientKey[family], data: ['priority'], size: clientsMax},
	{name: 'verdicts', key: ['priority'], data: 'verdict'},
	{name: 'policy-verdicts', key: ['priority'], data: 'verdict'},
];

/** Where pods are seen by their own addresses: only in a table that masquerades them anywhere else. */
const unmasqueraded: SetSpec = {name: 'unmasqueraded', key: ['daddr'], interval: true};

/** Sets whose elements are ours to judge: not `affinity`, which packets fill, and which may hold a million clients. */
export const setNames: readonly SetName[] = [...setsOf('IPv4'), unmasqueraded]
	.map(({name}) => name)
	.filter((name) => name !== 'affinity');

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
	const except = node.podMasquerade?.except;
	const leave: Rule[] = except === undefined ? [] : [[goto('pod-source')]];
	return {
		family,
		sets: except === undefined ? setsOf(family) : [...setsOf(family), unmasqueraded],
		chains: [
			refuse,
			echo(node, family),
			...splitChains(pods),
			incoming,
			{name: 'outgoing', rules: [...outgoing, ...leave]},
			{name: 'cluster-source', rules: [...clusterSource(node.clusterIpMasquerade[family], pods), ...leave]},
			...(except === undefined ? [] : [podSource(node.detector, pods)]),
		],
		hooked: [
			{
				name: 'prerouting',
				hook: {hook: 'prerouting', priority: -100},
				rules: [...(node.guardsLoopback && family === 'IPv4' ? [notFromElsewhere] : []), [goto('incoming')]],
			},
			{name: 'output', hook: {hook: 'output', priority: -100}, rules: [[goto('incoming')]]},
			{
				name: 'postrouting',
				hook: {hook: 'postrouting', priority: 100},
				rules: [[{kind: 'translated'}, goto('outgoing')], ...leave],
			},
		],
		prefixes: {
			'service-cidrs': ofFamily(node.serviceCidrs, family),
			'local-pods': node.detector.kind === 'prefixes' ? ofFamily(node.detector.prefixes, family) : [],
			unmasqueraded: ofFamily(except ?? [], family),
		},
		actions: Object.values(actions),
	};
}

/**
 * What listens on loopback trusts who asks. For a host port to answer there the kernel has to let loopback addresses
 * pass the pod's link (route_localnet), from where a pod with raw sockets would reach them all. Source: CVE-2020-8558
 */
const notFromElsewhere: Rule = [
	{kind: 'interface', name: 'lo', exact: true, negated: true},
	{kind: 'destination', prefix: parsePrefix('127.0.0.0/8')},
	...drop,
];

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
			return matchPrefixes(ofFamily(detector.prefixes, family));
		case 'interface':
			return (negated) => ({kind: 'interface', name: detector.name, exact: true, ...(negated && {negated})});
		case 'interfacePrefix':
			return (negated) => ({kind: 'interface', name: detector.prefix, exact: false, ...(negated && {negated})});
	}
}

/** One prefix, as nearly always, is compared with: a lookup in a set of intervals takes several times as long. */
function matchPrefixes(prefixes: readonly Prefix[]): MatchPods | undefined {
	const [prefix, ...others] = prefixes;
	if (prefix === undefined) {
		return undefined;
	}

	return others.length === 0 && prefix.bits > 0
		? (negated) => ({kind: 'source', prefix, ...(negated && {negated})})
		: (negated) => ({kind: 'lookup', key: ['saddr'], set: 'local-pods', ...(negated && {negated})});
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

/**
 * Answers a ping to a cluster IP. By an address of this node: the kernel's own choice (`redirect`) is one of the
 * interface that the packet came by, and that of a pod often has none.
 */
function echo({addresses}: NodePlan, family: Family): Chain {
	return {name: 'echo', rules: [[{kind: 'deliver', to: addresses.find((address) => familyOf(address) === family)}]]};
}

const clusterIp: Statement = {kind: 'lookup', key: ['daddr'], set: 'cluster-ips'};

const incoming: Chain = {
	name: 'incoming',
	rules: [
		decide('services'),
		[clusterIp, {kind: 'echoRequest'}, goto('echo')],
		[clusterIp, goto('refuse')],
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

/** Whose source is rewritten, of the connections whose destination was. The commonest come first. */
const outgoing: readonly Rule[] = [
	// the priority chooses a traffic class; a plain packet was relieved of it before
	[{kind: 'carriesId'}, {kind: 'clearPriority'}],
	[{kind: 'lookup', key: ['saddr', 'daddr'], set: 'hairpin'}, masquerade],
	[{kind: 'lookup', key: ['originalDaddr'], set: 'cluster-ips'}, goto('cluster-source')],
	...onOriginal('external', [masquerade]),
	...onOriginal('external-local', [fromNode, masquerade]),
];

/** Whose source is rewritten, of the connections to cluster IPs: one decision for all of them. */
function clusterSource(masqueraded: Frontend['masquerade'], pods: MatchPods | undefined): readonly Rule[] {
	const offCluster: Rule[] = pods === undefined ? [] : [[pods(true), masquerade]];
	const rules = {always: [[masquerade]], offCluster, never: [], node: [[fromNode, masquerade]]};
	return rules[masqueraded];
}

/**
 * Pods of this node are seen by its address where nobody knows the way back to theirs. Met by what was not
 * masqueraded before, translated or not: `daddr` is where the connection goes in the end.
 */
function podSource(detector: LocalDetector, pods: MatchPods | undefined): Chain {
	const outside: Statement = {kind: 'lookup', key: ['daddr'], set: 'unmasqueraded', negated: true};
	return {
		name: 'pod-source',
		rules: pods === undefined ? [] : [[pods(false), ...toNoPod(detector), outside, masquerade]],
	};
}

/** Where an interface tells the pods of this node, one behind it needs no address in any range to be known. */
function toNoPod(detector: LocalDetector): Statement[] {
	switch (detector.kind) {
		case 'none':
		case 'prefixes':
			return [];
		case 'interface':
			return [{kind: 'outInterface', name: detector.name, exact: true, negated: true}];
		case 'interfacePrefix':
			return [{kind: 'outInterface', name: detector.prefix, exact: false, negated: true}];
	}
}
