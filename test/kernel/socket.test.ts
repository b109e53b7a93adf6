import {spawnSync} from 'node:child_process';
import {readdirSync} from 'node:fs';
import test from 'ava';
import {NetError} from '../../src/errors.ts';
import {dump} from '../../src/kernel/dump.ts';
import {type Heard, listen} from '../../src/kernel/listen.ts';
import {NetlinkSocket} from '../../src/kernel/socket.ts';
import {type Message, messageFlags} from '../../src/wire/message.ts';
import {littleEndian, Writer} from '../../src/wire/writer.ts';

const addressGroup = 5; // RTNLGRP_IPV4_IFADDR
const newAddress = 20; // RTM_NEWADDR
const newLink = 16; // RTM_NEWLINK
const linksRequest = Uint8Array.of(32, 0, 0, 0, 18, 0, ...Array.from({length: 26}, () => 0)); // RTM_GETLINK, struct ifinfomsg

/** Runs `lines` of the ip tool in one process, and blocks this one meanwhile. */
function ipBatch(...lines: readonly string[]): void {
	const {status, stderr} = spawnSync('/usr/sbin/ip', ['-batch', '-'], {input: lines.join('\n')});
	if (status !== 0) {
		throw new Error(String(stderr));
	}
}

const octets = Array.from({length: 250}, (_, octet) => octet);

async function collect(parts: AsyncIterable<readonly Message[]>): Promise<Message[]> {
	const messages: Message[] = [];
	for await (const part of parts) {
		messages.push(...part);
	}

	return messages;
}

test.serial(
	'a socket that overruns while the loop is blocked reports the loss, and hears what comes later',
	async (t) => {
		const stop = new AbortController();
		const heard = listen(new NetlinkSocket('route', {groups: [addressGroup], receiveBytes: 4096}), stop.signal);
		for (const round of [1, 2, 3]) {
			ipBatch(...octets.map((octet) => `address add 10.99.${round}.${octet}/32 dev lo`));
			t.deepEqual((await heard.next()).value, {kind: 'lost'});
			ipBatch(`address add 10.98.0.${round}/32 dev lo`);
			const after: Heard | undefined = (await heard.next()).value;
			t.deepEqual(after?.kind === 'messages' && after.messages.map((message) => message.type), [newAddress]);
		}

		stop.abort();
		t.is((await heard.next()).done, true);
		ipBatch('address flush dev lo');
	},
);

test.serial('who waits for messages is woken by one, by its signal and by a close', async (t) => {
	using socket = new NetlinkSocket('route', {groups: [addressGroup]});
	const woken = socket.readable();
	t.deepEqual(socket.receive(), []);
	ipBatch('address add 10.97.0.1/32 dev lo');
	await woken;
	t.is(socket.receive().length, 1);
	await socket.readable(AbortSignal.timeout(20));
	const last = socket.readable();
	socket.close();
	await last;
	await socket.readable();
	t.deepEqual(socket.receive(), []);
	t.false(socket.takeLoss());
	ipBatch('address flush dev lo');
});

test.serial('a socket that is closed leaves no descriptor behind', async (t) => {
	const descriptors = () => readdirSync('/proc/self/fd').length;
	using first = new NetlinkSocket('route', {groups: [addressGroup]});
	await first.readable(AbortSignal.timeout(1)); // starts the thread
	const before = descriptors();
	for (let round = 0; round < 100; round++) {
		const stop = new AbortController();
		const heard = listen(new NetlinkSocket('route', {groups: [addressGroup]}), stop.signal);
		const next = heard.next();
		stop.abort();
		await next;
	}

	await collect(dump(() => new NetlinkSocket('route'), linksRequest));
	t.is(descriptors(), before);
});

test.serial('a dump for which no socket can be opened leaves none of its check open', async (t) => {
	let isOpen = false;
	const check = () => {
		isOpen = true;
		return {
			accepts: () => true,
			forgives: () => false,
			close: () => {
				isOpen = false;
			},
		};
	};
	const open = () => {
		t.true(isOpen, 'the check listens before the request is sent');
		throw new NetError('KERNEL_REFUSED', 'open a netlink socket: EMFILE');
	};
	await t.throwsAsync(collect(dump(open, linksRequest, undefined, check)), {code: 'KERNEL_REFUSED'});
	t.false(isOpen);
});

test.serial('a dump brings every link, and the control messages at its end are left out', async (t) => {
	const links = await collect(dump(() => new NetlinkSocket('route'), linksRequest));
	t.true(links.length > 0);
	t.true(links.every((link) => link.type === newLink));
});

test.serial('a multicast group that does not exist is refused by number, a closed socket sends nothing', (t) => {
	const unknown = t.throws(() => new NetlinkSocket('route', {groups: [100_000]}), {instanceOf: NetError});
	t.is(unknown.code, 'KERNEL_REFUSED');
	t.regex(unknown.message, /^cannot join the route multicast group 100000: E/);
	using socket = new NetlinkSocket('route');
	socket.close();
	const closed = t.throws(() => socket.send([linksRequest]), {instanceOf: NetError});
	t.is(closed.message, 'cannot send through a netlink socket that was closed');
});

test.serial('a refused request repeats its sequence, an acknowledged one too', (t) => {
	using socket = new NetlinkSocket('route');
	const writer = new Writer();
	writer.raw(linksRequest);
	writer.view.setUint16(6, messageFlags.request | messageFlags.acknowledge, littleEndian);
	writer.view.setUint32(8, 77, littleEndian);
	writer.view.setInt32(20, 9999, littleEndian); // no such interface
	socket.send([writer.written()]);
	const [answer] = socket.receive();
	t.is(answer?.type, 2);
	t.is(answer?.sequence, 77);
});
