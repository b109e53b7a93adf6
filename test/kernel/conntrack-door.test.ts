import anyTest from 'ava';
import {encodeDump, type FlowFilter} from '../../src/conntrack/filter.ts';
import {decodeFlow} from '../../src/conntrack/flow.ts';
import type {FlowDoor} from '../../src/conntrack/sweep.ts';
import {NetError} from '../../src/errors.ts';
import {Conntrack} from '../../src/kernel/conntrack.ts';
import {exec} from '../../src/kernel/exec.ts';
import {type Family, parseAddress} from '../../src/net/address.ts';
import {printSocketAddress} from '../../src/net/port.ts';
import {encodeMessage} from '../../src/wire/body.ts';
import {conntrack as wire} from '../../src/wire/conntrack.ts';
import {messageFlags} from '../../src/wire/message.ts';
import {nftables} from '../../src/wire/nftables.ts';
import {Writer} from '../../src/wire/writer.ts';
import {FakeConntrack} from '../support/fake-conntrack.ts';
import {type FlowParts, flowBody} from '../support/flows.ts';

const test = anyTest.serial; // one table
const kernel = new Conntrack();

const flows: readonly FlowParts[] = [
	{to: '10.96.0.10:53', by: '10.128.0.11:53'},
	{to: '10.96.0.10:54', by: '10.128.0.11:53'},
	{to: '10.96.0.11:53', by: '10.128.0.12:53'},
	{to: '[fd00:96::a]:53', by: '[fd00:128::b]:53'},
	{to: '[fd00:96::b]:54', by: '[fd00:128::b]:53'},
].map((flow, index) => ({...flow, id: index + 1}));

function encodeAll(type: number, flags: number, bodies: readonly Partial<ReturnType<typeof flowBody>>[]): Uint8Array {
	const writer = new Writer();
	for (const body of bodies) {
		encodeMessage(writer, {type, flags: messageFlags.request | flags, sequence: 0}, wire.flow.layout, body);
	}

	return writer.written();
}

test.afterEach.always(async () => {
	const writer = new Writer();
	encodeMessage(writer, {type: wire.flow.delete, flags: messageFlags.request, sequence: 0}, wire.flow.layout, {});
	await kernel.request(writer.written());
});

async function add(parts: readonly FlowParts[]) {
	const bodies = parts.map((part) => ({...flowBody(part), timeoutSeconds: 60}));
	return await kernel.request(encodeAll(wire.flow.new, messageFlags.create | messageFlags.exclusive, bodies));
}

/** Where each flow goes that the kernel tells. */
async function told(door: FlowDoor, family: Family, filter?: FlowFilter): Promise<readonly string[]> {
	const found: string[] = [];
	for await (const messages of door.dump(encodeDump(family, filter))) {
		for (const {payload} of messages) {
			const {destination, destinationPort} = decodeFlow(payload)?.original ?? {};
			found.push(printSocketAddress(destination ?? '', destinationPort ?? 0));
		}
	}

	return found.toSorted();
}

test('the kernel tells what a filter lets pass, and what the fake one in the unit tests tells', async (t) => {
	t.deepEqual(await add(flows), []);
	const address = parseAddress('10.96.0.10');
	const cases: readonly (readonly [Family, FlowFilter | undefined, readonly string[]])[] = [
		['IPv4', {address, port: 53}, ['10.96.0.10:53']],
		['IPv4', {address}, ['10.96.0.10:53', '10.96.0.10:54']],
		['IPv4', {port: 53}, ['10.96.0.10:53', '10.96.0.11:53']],
		['IPv4', {}, ['10.96.0.10:53', '10.96.0.10:54', '10.96.0.11:53']],
		['IPv6', {port: 53}, ['[fd00:96::a]:53']],
		['IPv6', {}, ['[fd00:96::a]:53', '[fd00:96::b]:54']],
		['IPv6', undefined, ['[fd00:96::a]:53', '[fd00:96::b]:54']],
	];
	for (const [family, filter, expected] of cases) {
		t.deepEqual(await told(kernel, family, filter), expected, JSON.stringify(filter));
		t.deepEqual(await told(new FakeConntrack(flows), family, filter), expected, JSON.stringify(filter));
	}
});

test('of several requests those that the kernel refuses are named, and the others done', async (t) => {
	t.deepEqual(await kernel.request(new Uint8Array()), []);
	await add(flows.slice(0, 1));
	t.deepEqual(await add(flows.slice(0, 2)), [{index: 0, errno: 'EEXIST'}]);
	const bodies = flows
		.slice(1, 3)
		.map(flowBody)
		.map(({id: _, ...body}) => body);
	t.deepEqual(await kernel.request(encodeAll(wire.flow.delete, 0, bodies)), [{index: 1, errno: 'ENOENT'}]);
	t.deepEqual(await told(kernel, 'IPv4'), ['10.96.0.10:53']);
});

test('a flow is not deleted by the number of another of the same looks', async (t) => {
	await add(flows.slice(0, 1));
	const [one] = flows;
	const refusals = one && (await kernel.request(encodeAll(wire.flow.delete, 0, [flowBody(one)])));
	t.deepEqual(refusals, [{index: 0, errno: 'ENOENT'}]);
	t.is((await told(kernel, 'IPv4')).length, 1);
});

test('what the kernel does not know is missing, and the error says what to load', async (t) => {
	const writer = new Writer();
	const unknownSubsystem = 0x7f00;
	encodeMessage(writer, {type: unknownSubsystem, flags: 0, sequence: 0}, nftables.generation.layout, {});
	const error = await t.throwsAsync(kernel.dump(writer.written()).next(), {instanceOf: NetError});
	t.is(error.code, 'CONNTRACK_MISSING');
	t.regex(error.hint, /modprobe nf_conntrack_netlink/);
});

test('an aborted dump ends with the signal’s reason', async (t) => {
	const reason = new Error('enough');
	const error = await t.throwsAsync(kernel.dump(encodeDump('IPv4'), AbortSignal.abort(reason)).next());
	t.is(error, reason);
});

test('a process without CAP_NET_ADMIN is told so, and leaves what is there', async (t) => {
	const script = `
		const {Conntrack} = await import('${import.meta.dirname}/../../src/kernel/conntrack.ts');
		const {encodeDump} = await import('${import.meta.dirname}/../../src/conntrack/filter.ts');
		const tell = (error) => console.log(error.code);
		await new Conntrack().dump(encodeDump('IPv4')).next().catch(tell);
		await new Conntrack().request(encodeDump('IPv4')).catch(tell);`;
	const parameters = ['--inh-caps=-all', '--bounding-set=-all', process.execPath, '--input-type=module', '-e', script];
	t.is((await exec('setpriv', parameters)).stdout, 'KERNEL_DENIED\nKERNEL_DENIED\n');
});
