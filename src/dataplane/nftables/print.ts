import type {Family} from '../../net/address.ts';
import {type Prefix, printPrefix} from '../../net/prefix.ts';
import {printAction} from './actions.ts';
import {
	type Element,
	type Field,
	type Hook,
	layoutNumber,
	type Op,
	type Rule,
	type ServiceKey,
	type SetSpec,
	type Statement,
	serviceKey,
	tableName,
	type Verdict,
} from './ruleset.ts';

/** `ip` or `ip6`, as nft calls a family, its tables and its header. */
function nftFamily(family: Family): 'ip' | 'ip6' {
	return family === 'IPv4' ? 'ip' : 'ip6';
}

/** The comment on the table: which of our layouts it has. */
export const tableComment = `fairlead layout ${layoutNumber}`;

/**
 * The operations as commands that `nft -f` takes, one a line; elements of one set that follow each other are one
 * command.
 */
export function print(ops: Iterable<Op>, family: Family): string {
	const lines: string[] = [];
	let open = '';
	for (const op of ops) {
		const command = op.kind === 'element' ? `${op.verb} element ${place(family)} ${op.set}` : '';
		if (open !== '' && command !== open) {
			lines.push('}');
		}

		if (op.kind === 'element') {
			lines.push(...(command === open ? [] : [`${command} {`]), `\t${printElement(op)},`);
		} else {
			lines.push(printOp(op, family));
		}

		open = command;
	}

	return [...lines, ...(open === '' ? [] : ['}']), ''].join('\n');
}

function place(family: Family): string {
	return `${nftFamily(family)} ${tableName}`;
}

/** One operation in one line. */
export function printOp(op: Op, family: Family): string {
	const at = place(family);
	switch (op.kind) {
		case 'table':
			return op.verb === 'add' ? `add table ${at} { comment "${tableComment}"; }` : `delete table ${at}`;
		case 'set':
			return op.verb === 'add' ? printSet(op.spec, family) : `flush set ${at} ${op.name}`;
		case 'foreignSet':
			return `delete set ${at} ${op.name}`;
		case 'chain':
			return `${op.verb} chain ${at} ${op.name}${op.hook ? ` { ${printHook(op.hook)} }` : ''}`;
		case 'rule':
			return `add rule ${at} ${op.chain} ${printRule(op.rule, family)}`;
		case 'element':
			return `${op.verb} element ${at} ${op.set} { ${printElement(op)} }`;
		case 'foreignElement':
			return `# delete element ${at} ${op.set} with the key 0x${hex(op.key)}`;
	}
}

function hex(bytes: Uint8Array): string {
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function printSet({name, key, data, interval, size}: SetSpec, family: Family): string {
	const value = data === 'verdict' ? 'verdict' : data && printFields(data, family);
	const type = `typeof ${printFields(key, family)}${value === undefined ? '' : ` : ${value}`};`;
	const flags = interval ? ' flags interval;' : size === undefined ? '' : ` size ${size}; flags dynamic,timeout;`;
	return `add ${data ? 'map' : 'set'} ${place(family)} ${name} { ${type}${flags} }`;
}

function printHook({hook, priority}: Hook): string {
	return `type nat hook ${hook} priority ${priority}; policy accept;`;
}

const fieldNames: Readonly<Record<Field, string>> = {
	saddr: 'IP saddr',
	daddr: 'IP daddr',
	l4proto: 'meta l4proto',
	dport: 'th dport',
	slot: 'numgen random mod 65536',
	priority: 'meta priority',
	originalDaddr: 'ct original IP daddr',
	originalDport: 'ct original proto-dst',
};

function printFields(fields: readonly Field[], family: Family): string {
	return fields.map((field) => fieldNames[field].replace('IP', nftFamily(family))).join(' . ');
}

/** The rule as nft writes it. */
export function printRule(rule: Rule, family: Family): string {
	return rule.map((statement) => printStatement(statement, family)).join(' ');
}

function printStatement(statement: Statement, family: Family): string {
	const ip = nftFamily(family);
	const key = printFields(serviceKey, family);
	switch (statement.kind) {
		case 'lookup':
			return `${printFields(statement.key, family)} ${statement.negated ? '!= ' : ''}@${statement.set}`;
		case 'source':
			return `${ip} saddr ${statement.negated ? '!= ' : ''}${printRange(statement.prefix)}`;
		case 'destination':
			return `${ip} daddr ${printRange(statement.prefix)}`;
		case 'interface':
			return `iifname ${printInterface(statement)}`;
		case 'outInterface':
			return `oifname ${printInterface(statement)}`;
		case 'protocol':
			return `meta l4proto ${statement.protocol.toLowerCase()}`;
		case 'fromNode':
			return 'fib saddr type local';
		case 'translated':
			return 'ct status dnat';
		case 'choose':
			return `meta priority set ${key} map @${statement.map}`;
		case 'dispatch':
			return `meta priority vmap @${statement.map}`;
		case 'clearPriority':
			return 'meta priority set none';
		case 'balance':
			return `dnat ${ip} to ${key} . ${printPick(statement.count, statement.first)} map @endpoints`;
		case 'pick':
			return `meta priority set ${key} . ${printPick(statement.count, statement.first)} map @sticky-slots`;
		case 'learn':
			return `update @affinity { ${clientKeys[family]} timeout ${printTimeout(statement.timeoutSeconds)} : meta priority }`;
		case 'recall':
			return `meta priority set ${clientKeys[family]} map @affinity`;
		case 'forget':
			return `delete @affinity { ${clientKeys[family]} : meta priority }`;
		case 'send':
			return `dnat ${ip} to ${key} . meta priority map @${statement.map}`;
		case 'carriesId':
			return 'meta priority & 8000:0 != none';
		case 'echoRequest':
			return `${family === 'IPv4' ? 'icmp' : 'icmpv6'} type echo-request`;
		case 'deliver':
			return statement.to === undefined ? 'redirect' : `dnat to ${statement.to}`;
		case 'masquerade':
			return 'masquerade fully-random';
		case 'reject':
			return statement.with === 'tcp reset' ? 'reject with tcp reset' : 'reject';
		case 'verdict':
			return printVerdict(statement.verdict);
	}
}

type Interface = {readonly name: string; readonly exact: boolean; readonly negated?: true};

function printInterface({name, exact, negated}: Interface): string {
	return `${negated ? '!= ' : ''}"${name}${exact ? '' : '*'}"`;
}

/** The service port that the packet's priority names, and the client: itself, or two hashes of it. */
const clientKeys: Readonly<Record<Family, string>> = {
	IPv4: 'meta priority & ffff:0 . ip saddr',
	IPv6: ['meta priority & ffff:0', ...[1, 2].map((seed) => `jhash ip6 saddr mod 4294967295 seed 0x${seed}`)].join(
		' . ',
	),
};

/** As nft writes 5,400 seconds: `1h30m`. */
function printTimeout(seconds: number): string {
	const units = [
		['d', 86_400, Number.POSITIVE_INFINITY],
		['h', 3600, 24],
		['m', 60, 60],
		['s', 1, 60],
	] as const;
	const parts = units.map(([unit, length, most]) => [Math.floor(seconds / length) % most, unit] as const);
	return parts.flatMap(([count, unit]) => (count > 0 ? [`${count}${unit}`] : [])).join('');
}

function printPick(count: number, first: number): string {
	return `numgen random mod ${count}${first === 0 ? '' : ` offset ${first}`}`;
}

function printVerdict(verdict: Verdict): string {
	return verdict.kind === 'drop' ? 'drop' : `goto ${verdict.chain}`;
}

/** The element as nft writes it. */
function printElement(element: Element): string {
	const key = printKey(element);
	switch (element.set) {
		case 'services':
			return `${key}${element.comment === undefined ? '' : ` comment "${element.comment}"`} : ${printAction(element.action)}`;
		case 'cluster-policy':
		case 'local-policy':
			return `${key} : ${printAction(element.action)}`;
		case 'endpoints':
			return `${key} : ${element.to.address} . ${element.to.port}`;
		case 'sticky-slots':
			return `${key} : ${printAction(element.id)}`;
		case 'sticky-endpoints':
		case 'sticky-local-endpoints':
			return `${key} : ${element.to.address} . ${element.to.port}`;
		case 'verdicts':
		case 'policy-verdicts':
			return `${key} : ${printVerdict(element.verdict)}`;
		case 'external':
		case 'external-local':
		case 'source-ranges':
		case 'cluster-ips':
		case 'hairpin':
		case 'service-cidrs':
		case 'local-pods':
		case 'unmasqueraded':
			return key;
	}
}

/** The key of the element as nft writes it: it names the element in its set. */
export function printKey(element: Element): string {
	switch (element.set) {
		case 'services':
		case 'cluster-policy':
		case 'local-policy':
		case 'external':
		case 'external-local':
			return printServiceKey(element.at);
		case 'endpoints':
		case 'sticky-slots':
			return `${printServiceKey(element.at)} . ${element.slot}`;
		case 'sticky-endpoints':
		case 'sticky-local-endpoints':
			return `${printServiceKey(element.at)} . ${printAction(element.id)}`;
		case 'source-ranges':
			return `${printServiceKey(element.at)} . ${printRange(element.source)}`;
		case 'cluster-ips':
			return element.address;
		case 'hairpin':
			return `${element.address} . ${element.address}`;
		case 'verdicts':
		case 'policy-verdicts':
			return printAction(element.action);
		case 'service-cidrs':
		case 'local-pods':
		case 'unmasqueraded':
			return printRange(element.prefix);
	}
}

function printServiceKey({address, protocol, port}: ServiceKey): string {
	return `${address} . ${protocol.toLowerCase()} . ${port}`;
}

/** nft lists a range of one address as that address. */
function printRange(prefix: Prefix): string {
	const whole = prefix.address.includes(':') ? 128 : 32;
	return prefix.bits === whole ? prefix.address : printPrefix(prefix);
}
