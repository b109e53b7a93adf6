import {fullOps} from '../../src/dataplane/nftables/rules.ts';
import type {Op, SetName} from '../../src/dataplane/nftables/ruleset.ts';
import type {Family} from '../../src/net/address.ts';
import {addresses} from '../lab/addresses.ts';
import {buildFrontend, buildPlan} from './frontends.ts';

/** Of each family one for everybody, one with two lists, and one with ranges too. Their backends are in the lab. */
export const layoutServices = [0, 1].flatMap((family) => {
	const target = `${addresses.a[family]}! ${addresses.c[family]}`;
	return [
		buildFrontend({address: ['10.96.1.1', 'fd00:96::101'][family] ?? '', target}),
		buildFrontend({
			kind: 'externalIP',
			address: ['203.0.113.8', '2001:db8:7::8'][family] ?? '',
			name: 'files',
			target,
			local: `${addresses.a[family]}!`,
		}),
		buildFrontend({
			kind: 'loadBalancerIP',
			address: ['203.0.113.7', '2001:db8:7::7'][family] ?? '',
			name: 'api',
			masquerade: 'node',
			target,
			local: `${addresses.a[family]}!`,
			sourceRanges: family === 0 ? ['192.0.2.0/24', '10.128.0.0/9'] : ['2001:db8::/64', 'fd00:128::/32'],
		}),
	];
});

/** What the tables in test/golden/layouts serve. */
export const layoutPlan = buildPlan(layoutServices);

/** All that makes today's table. */
export function todaysOps(family: Family): Op[] {
	return fullOps(layoutServices, layoutPlan.node, family).slice(1);
}

const later: readonly string[] = ['external-local', 'local-policy', 'ranges-split'];

/**
 * As {@link todaysOps}, of a Fairlead that did not know of local policies: whoever came in by a split list got the
 * cluster's, and ranges with lists were ranges alone.
 */
export function olderOps(family: Family): Op[] {
	const isOlder = (op: Op): boolean => {
		switch (op.kind) {
			case 'set':
				return op.verb === 'add' && !later.includes(op.spec.name);
			case 'chain':
				return !later.includes(op.name);
			case 'rule':
				return !later.includes(op.chain) && !op.rule.some((step) => step.kind === 'lookup' && later.includes(step.set));
			case 'element':
				return !later.includes(op.set) && (op.set !== 'verdicts' || op.action !== rangesSplit);
			case 'table':
			case 'foreignSet':
			case 'foreignElement':
				return true;
		}
	};
	return todaysOps(family).filter(isOlder).map(older);
}

const [ranges, rangesSplit] = [0x3_0004, 0x3_0005];

function older(op: Op): Op {
	if (op.kind === 'element' && op.set === 'services' && op.action === rangesSplit) {
		return {...op, action: ranges};
	}

	const isLocal = op.kind === 'rule' && op.rule[0]?.kind === 'choose' && op.rule[0].map === 'local-policy';
	return isLocal ? {...op, rule: [{kind: 'choose', map: 'cluster-policy'}, ...op.rule.slice(1)]} : op;
}

/**
 * As {@link todaysOps}, of a Fairlead to come: the first Service takes an action that nobody knows today, by a chain
 * that looks up a map that nobody knows, and connections that leave are looked up there too.
 */
export function newerOps(family: Family): Op[] {
	const set = 'someday' as SetName;
	const [action, chain] = [0x7_0002, 'someday-2'];
	const today = todaysOps(family);
	const balance = today.filter((op) => op.kind === 'rule' && op.chain === 'lb-2');
	const lookup = {kind: 'lookup', key: ['saddr', 'daddr'], set} as const;
	const first: Op[] = [
		{verb: 'add', kind: 'set', spec: {name: set, key: ['saddr', 'daddr']}},
		{verb: 'add', kind: 'chain', name: chain},
	];
	const last: Op[] = [
		...balance.map((op): Op => (op.kind === 'rule' ? {...op, chain} : op)),
		{verb: 'add', kind: 'rule', chain: 'outgoing', rule: [lookup, {kind: 'masquerade'}]},
		{verb: 'add', kind: 'element', set: 'verdicts', action, verdict: {kind: 'goto', chain}},
		{verb: 'add', kind: 'element', set: 'policy-verdicts', action, verdict: {kind: 'goto', chain}},
	];
	const services = today.map(
		(op): Op =>
			op.kind === 'element' && op.set === 'services' && op.at.port === 80 && op.action === 0x1_0002
				? {...op, action}
				: op,
	);
	const elements = services.findIndex((op) => op.kind === 'element' && op.set === 'services');
	return [...first, ...services.slice(0, elements), ...last, ...services.slice(elements)];
}
