import test from 'ava';
import {Encoder} from '../../src/dataplane/nftables/encode.ts';
import {print} from '../../src/dataplane/nftables/print.ts';
import {fullOps} from '../../src/dataplane/nftables/rules.ts';
import type {Op} from '../../src/dataplane/nftables/ruleset.ts';
import {exec} from '../../src/kernel/exec.ts';
import {type Family, families} from '../../src/net/address.ts';
import {parsePrefix, printPrefix} from '../../src/net/prefix.ts';
import type {LocalDetector} from '../../src/plan/plan.ts';
import {type Draft, decodeBody, encodeMessage, type Layout} from '../../src/wire/body.ts';
import {ElementReader} from '../../src/wire/element-reader.ts';
import type {Expression} from '../../src/wire/expressions.ts';
import {nftables} from '../../src/wire/nftables.ts';
import {Writer} from '../../src/wire/writer.ts';
import {buildFrontend, buildNodePlan, podPrefixes} from '../support/frontends.ts';
import {parseDebug} from '../support/nft-debug.ts';

const detectors: readonly LocalDetector[] = [
	{kind: 'none'},
	{kind: 'prefixes', prefixes: podPrefixes},
	{kind: 'prefixes', prefixes: ['10.244.0.0/16', 'fd00:10:244::/45'].map(parsePrefix)},
	{kind: 'prefixes', prefixes: ['10.244.3.0/24', '10.245.3.0/24', 'fd00:1::/64', 'fd00:3::/64'].map(parsePrefix)},
	{kind: 'interface', name: 'cni0'},
	{kind: 'interfacePrefix', prefix: 'cali'},
];

/** One frontend of every kind of rule and element. */
function opsOf(family: Family, detector: LocalDetector): Op[] {
	const six = family === 'IPv6';
	const [clusterIp, vip, ranges] = six
		? ['fd00:96::a', '2001:db8:71::1', ['2001:db8:51::/48', 'fd00:31::1/128']]
		: ['10.96.0.10', '203.0.113.7', ['198.51.100.0/24', '172.31.1.1/32']];
	const pods = six ? 'fd00:128::1! fd00:128:1::1' : '10.128.0.1! 10.128.1.1';
	const local = six ? 'fd00:128::1!' : '10.128.0.1!';
	const frontends = [
		buildFrontend({address: clusterIp, target: pods}),
		buildFrontend({address: clusterIp, target: 'reject', port: 81, protocol: 'UDP'}),
		buildFrontend({address: clusterIp, target: 'drop', port: 82, protocol: 'SCTP'}),
		buildFrontend({address: vip, kind: 'externalIP', masquerade: 'always', target: pods}),
		buildFrontend({address: vip, kind: 'loadBalancerIP', port: 81, masquerade: 'node', target: pods, local}),
		buildFrontend({
			address: vip,
			kind: 'loadBalancerIP',
			port: 82,
			masquerade: 'always',
			sourceRanges: ranges,
			target: pods,
		}),
		buildFrontend({address: clusterIp, port: 84, target: pods, affinityTimeoutSeconds: 5461}),
		buildFrontend({address: vip, port: 84, target: pods, local, affinityTimeoutSeconds: 86_400}),
		buildFrontend({address: vip, port: 83, masquerade: 'node', sourceRanges: ranges, target: pods, local: 'drop'}),
	];
	const bare = detector.kind === 'none' && {addresses: []}; // of a node that knows none of its addresses
	const attaching = detector.kind !== 'none' && {guardsLoopback: true, podMasquerade: {except: podPrefixes}};
	return fullOps(frontends, buildNodePlan({detector, ...bare, ...attaching}), family);
}

/** Messages by what they make, as hex; the sets' ids inside the batch, which nft also writes into rules, left out. */
function describe(messages: readonly Uint8Array[]): string[] {
	const {table, chain, rule, set, element} = nftables;
	return messages.flatMap((message): string[] => {
		const payload = message.subarray(16);
		switch (new DataView(message.buffer, message.byteOffset).getUint16(4, true)) {
			case table.new:
				return [`table ${encoded(table.layout, decodeBody(table.layout, payload))}`];
			case chain.new:
				return [`chain ${encoded(chain.layout, decodeBody(chain.layout, payload))}`];
			case set.new: {
				const {id: _, ...body} = decodeBody(set.layout, payload);
				return [`set ${encoded(set.layout, body)}`];
			}
			case rule.new: {
				const {expressions = [], ...body} = decodeBody(rule.layout, payload);
				return [`rule ${encoded(rule.layout, {...body, expressions: expressions.map(withoutId)})}`];
			}
			case element.new:
				return elements(payload);
			default:
				return [];
		}
	});
}

function encoded<L extends Layout>(layout: L, body: Draft<L>): string {
	const writer = new Writer();
	encodeMessage(writer, {type: 0, flags: 0, sequence: 0}, layout, body);
	return Buffer.from(writer.written()).toString('hex');
}

function withoutId(step: Expression): Expression {
	if (step.kind !== 'lookup' && step.kind !== 'dynset') {
		return step;
	}

	const {setId: _, ...rest} = step;
	return rest;
}

/** Elements one by one; without the end at the lowest address that nft puts before a set's first interval. */
function elements(payload: Uint8Array): string[] {
	const reader = new ElementReader();
	reader.open(payload);
	const texts: string[] = [];
	while (reader.next()) {
		const element = reader.element();
		if (element.flags !== 1 || element.key.some((byte) => byte !== 0)) {
			texts.push(`element ${reader.set} ${JSON.stringify(element)}`);
		}
	}

	return texts;
}

function encode(ops: readonly Op[], family: Family): Uint8Array {
	const encoder = new Encoder(family);
	encoder.begin();
	encoder.add(ops);
	return encoder.finish();
}

function messagesOf(bytes: Uint8Array): Uint8Array[] {
	const messages: Uint8Array[] = [];
	for (let at = 0; at < bytes.length; at += messages.at(-1)?.length ?? bytes.length) {
		const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0, true);
		messages.push(bytes.slice(at, at + length));
	}

	return messages;
}

function printDetector(detector: LocalDetector): string {
	return detector.kind === 'prefixes' ? detector.prefixes.map(printPrefix).join() : detector.kind;
}

for (const family of families) {
	for (const detector of detectors) {
		test(`${family}, detector ${printDetector(detector)}: what we send is byte for byte what nft sends for the text we print`, async (t) => {
			const ops = opsOf(family, detector);
			const {stdout, stderr} = await exec('nft', ['--debug=mnl', '--check', '-f', '-'], {input: print(ops, family)});
			const theirs = new Set(describe(parseDebug(stdout + stderr)));
			const ours = new Set(describe(messagesOf(encode(ops, family))));
			t.true(ours.size > 80, `${ours.size} objects`);
			t.deepEqual(ours.difference(theirs), new Set(), 'ours alone');
			t.deepEqual(theirs.difference(ours), new Set(), 'of nft alone');
		});
	}
}
