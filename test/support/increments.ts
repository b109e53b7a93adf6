import type {Frontend} from '../../src/plan/frontend.ts';
import {buildFrontend} from './frontends.ts';

/** A change of one frontend; `others` are there before and behind it. */
export type Increment = {
	readonly name: string;
	readonly before: Frontend | undefined;
	readonly after: Frontend | undefined;
	readonly others: readonly Frontend[];
};

const web = buildFrontend({target: '10.128.0.1! 10.128.1.1 10.128.1.2'});
const vip = {
	kind: 'loadBalancerIP',
	address: '203.0.113.7',
	masquerade: 'node',
	target: '10.128.0.1! 10.128.1.1',
} as const;
const three = buildFrontend({address: '10.96.0.11', name: 'three', target: '10.128.2.1 10.128.2.2 10.128.2.3'});
const two = buildFrontend({address: '10.96.0.12', name: 'two', target: '10.128.2.1 10.128.2.2'});
const keptParts = {
	kind: 'nodePort',
	address: '172.31.1.1',
	name: 'kept',
	port: 30_080,
	masquerade: 'node',
	target: '10.128.2.1! 10.128.2.2 10.128.2.3',
	local: '10.128.2.1!',
	affinityTimeoutSeconds: 600,
} as const;
const kept = buildFrontend(keptParts);

/** Every kind of change that a transaction can be about. */
export const increments: readonly Increment[] = [
	{name: 'a service comes', before: undefined, after: web, others: []},
	{name: 'a service goes', before: web, after: undefined, others: [three]},
	{
		name: 'the first backend goes',
		before: web,
		after: buildFrontend({target: '10.128.1.1 10.128.1.2'}),
		others: [two, three],
	},
	{name: 'a backend comes', before: two, after: {...two, target: three.target}, others: [three]},
	{
		name: 'a backend is replaced',
		before: two,
		after: buildFrontend({address: '10.96.0.12', name: 'two', target: '10.128.2.9 10.128.2.2'}),
		others: [],
	},
	{name: 'the last backend goes', before: two, after: {...two, target: {kind: 'reject'}}, others: [web]},
	{
		name: 'a service of another name takes the address',
		before: two,
		after: {...two, service: three.service},
		others: [],
	},
	{
		name: 'the external policy becomes Local',
		before: buildFrontend({...vip, masquerade: 'always'}),
		after: buildFrontend({...vip, local: '10.128.0.1!'}),
		others: [web],
	},
	{
		name: 'the last backend of this node goes',
		before: buildFrontend({...vip, local: '10.128.0.1!'}),
		after: buildFrontend({...vip, target: '10.128.1.1', local: 'drop'}),
		others: [],
	},
	{
		name: 'source ranges come',
		before: buildFrontend(vip),
		after: buildFrontend({...vip, sourceRanges: ['198.51.100.0/24', '192.0.2.7/32']}),
		others: [],
	},
	{
		name: 'a source range becomes narrower',
		before: buildFrontend({...vip, sourceRanges: ['198.51.100.0/24']}),
		after: buildFrontend({...vip, sourceRanges: ['198.51.100.0/25']}),
		others: [],
	},
	{
		name: 'an SCTP service over IPv6 comes',
		before: undefined,
		after: buildFrontend({address: 'fd00:96::a', protocol: 'SCTP', target: 'fd00:128::1! fd00:128:1::1'}),
		others: [],
	},
	{name: 'session affinity comes', before: two, after: {...two, affinityTimeoutSeconds: 600}, others: [three]},
	{name: 'session affinity goes', before: kept, after: {...kept, affinityTimeoutSeconds: undefined}, others: [three]},
	{
		name: 'the timeout of session affinity changes',
		before: kept,
		after: {...kept, affinityTimeoutSeconds: 90},
		others: [],
	},
	{
		name: 'a backend that clients keep goes',
		before: kept,
		after: buildFrontend({...keptParts, target: '10.128.2.2 10.128.2.3', local: 'drop'}),
		others: [],
	},
	{
		name: 'a backend comes to a list that clients keep theirs of',
		before: buildFrontend({...keptParts, target: '10.128.2.1! 10.128.2.3'}),
		after: kept,
		others: [],
	},
];
