import {buildFrontend, buildPlan} from './frontends.ts';

export const web = buildFrontend({target: '10.128.0.1! 10.128.1.1 10.128.1.2'});
export const api = buildFrontend({
	kind: 'loadBalancerIP',
	address: '203.0.113.7',
	name: 'api',
	masquerade: 'node',
	target: '10.128.0.1! 10.128.1.1',
	local: '10.128.0.1!',
	sourceRanges: ['198.51.100.0/24', '10.128.0.0/9'],
});
const six = buildFrontend({
	address: 'fd00:96::a',
	target: 'fd00:128::1! fd00:128:1::1',
	sourceRanges: ['2001:db8::/32'],
});
/** A table in which nearly every set has something. */
export const editedPlan = buildPlan([web, api, six]);

/**
 * Each does one thing that we would not, as commands of one transaction of nft, to the table of web and api of
 * {@link editedPlan}, when it is right.
 */
export const edits: Readonly<Record<string, readonly string[]>> = {
	'a rule at the end of a chain': ['add rule ip fairlead incoming counter drop'],
	'a rule in front': ['insert rule ip fairlead prerouting accept'],
	'an empty chain of ours': ['flush chain ip fairlead lb-3'],
	'all rules gone': ['flush table ip fairlead'],
	'a chain of no use': [
		'add chain ip fairlead stranger',
		'add rule ip fairlead stranger counter',
		'add rule ip fairlead incoming goto stranger',
	],
	'a base chain of its own': ['add chain ip fairlead stranger { type filter hook input priority 0; policy drop; }'],
	'a base chain deleted': ['flush chain ip fairlead output', 'delete chain ip fairlead output'],
	'an element of no Service': ['add element ip fairlead services { 10.96.9.9 . tcp . 99 : 1:3 }'],
	'an action that we have not': ['add element ip fairlead services { 10.96.9.9 . tcp . 99 : 7:3 }'],
	'an element of another protocol': ['add element ip fairlead services { 10.96.0.10 . icmp . 80 : 1:3 }'],
	'a slot behind the end': ['add element ip fairlead endpoints { 10.96.0.10 . tcp . 80 . 7 : 10.128.1.9 . 80 }'],
	'a slot that no list has': ['add element ip fairlead endpoints { 10.96.0.10 . tcp . 80 . 70000 : 10.128.1.9 . 80 }'],
	'a slot emptied': ['delete element ip fairlead endpoints { 10.96.0.10 . tcp . 80 . 1 }'],
	'a slot with another backend': [
		'delete element ip fairlead endpoints { 10.96.0.10 . tcp . 80 . 1 }',
		'add element ip fairlead endpoints { 10.96.0.10 . tcp . 80 . 1 : 10.128.1.9 . 80 }',
	],
	'a service gone': ['delete element ip fairlead services { 10.96.0.10 . tcp . 80 }'],
	'a service without comment': [
		'delete element ip fairlead services { 10.96.0.10 . tcp . 80 }',
		'add element ip fairlead services { 10.96.0.10 . tcp . 80 : 1:3 }',
	],
	'a cluster IP of nobody': ['add element ip fairlead cluster-ips { 10.96.9.9 }'],
	'a pair of nobody': ['add element ip fairlead hairpin { 10.128.0.9 . 10.128.0.9 }'],
	'a pair of two': ['add element ip fairlead hairpin { 10.128.0.9 . 10.128.0.8 }'],
	'a verdict turned round': [
		'delete element ip fairlead verdicts { 3:2 }',
		'add element ip fairlead verdicts { 3:2 : accept }',
	],
	'a verdict of nobody': ['add element ip fairlead verdicts { 9:9 : drop }'],
	'a filtered Service opened': ['add element ip fairlead source-ranges { 203.0.113.7 . tcp . 443 . 0.0.0.0/0 }'],
	'a source range gone': ['delete element ip fairlead source-ranges { 203.0.113.7 . tcp . 80 . 198.51.100.0/24 }'],
	'a range that is no prefix': [
		'add element ip fairlead source-ranges { 203.0.113.7 . tcp . 80 . 192.0.2.3-192.0.2.9 }',
	],
	'a service network more': ['add element ip fairlead service-cidrs { 192.0.2.0/24 }'],
	'a pod network less': ['flush set ip fairlead local-pods'],
	'a set of its own': [
		'add set ip fairlead strangers { type ipv4_addr; }',
		'add rule ip fairlead incoming ip saddr @strangers drop',
	],
	'a frontend masqueraded': ['add element ip fairlead external { 203.0.113.7 . tcp . 80 }'],
	'a rule with a set of its own': ['add rule ip fairlead incoming ip saddr { 192.0.2.1, 192.0.2.2 } drop'],
	'an answer for all services': ['add element ip fairlead services { * : 3:2 }'],
	'a masquerade of everything': ['add element ip fairlead external { * }'],
	'the table put to sleep': ['add table ip fairlead { flags dormant; }'],
	'a chain for a number of backends that nobody has': [
		'add chain ip fairlead lb-77',
		'add rule ip fairlead lb-77 counter drop',
		'add element ip fairlead verdicts { 1:4d : goto lb-77 }',
	],
	'a chain of ours gone, with all that leads to it': [
		'delete element ip fairlead verdicts { 1:3 }',
		'delete element ip fairlead policy-verdicts { 1:3 }',
		'flush chain ip fairlead lb-3',
		'delete chain ip fairlead lb-3',
	],
	'a set gone, with the rules that name it': ['flush chain ip fairlead outgoing', 'delete set ip fairlead hairpin'],
	'a set made anew, empty': [
		'flush chain ip fairlead outgoing',
		'delete set ip fairlead hairpin',
		'add set ip fairlead hairpin { typeof ip saddr . ip daddr; }',
	],
	'a map emptied': ['flush map ip fairlead services'],
	'every set emptied': [
		'flush map ip fairlead services',
		'flush map ip fairlead endpoints',
		'flush map ip fairlead verdicts',
		'flush map ip fairlead policy-verdicts',
		'flush map ip fairlead cluster-policy',
		'flush map ip fairlead local-policy',
		'flush set ip fairlead cluster-ips',
		'flush set ip fairlead hairpin',
		'flush set ip fairlead source-ranges',
		'flush set ip fairlead service-cidrs',
	],
	'a wider range over ours': [
		'delete element ip fairlead source-ranges { 203.0.113.7 . tcp . 80 . 198.51.100.0/24 }',
		'add element ip fairlead source-ranges { 203.0.113.7 . tcp . 80 . 198.51.100.0/22 }',
	],
	'a verdict map of its own': [
		'add chain ip fairlead stranger',
		'add map ip fairlead strangers { type ipv4_addr : verdict; }',
		'add element ip fairlead strangers { 192.0.2.1 : goto stranger }',
		'add rule ip fairlead incoming ip saddr vmap @strangers',
	],
	'a counter of its own': ['add counter ip fairlead c', 'add rule ip fairlead incoming counter name c'],
	'the table deleted': ['delete table ip fairlead'],
};
