import test from 'ava';
import type {Change} from '../../src/model/change.ts';
import {addressBytes, parseAddress} from '../../src/net/address.ts';
import {AddressTable} from '../../src/node/address-table.ts';
import {type Draft, encodeMessage, type Layout} from '../../src/wire/body.ts';
import {linkFlags} from '../../src/wire/link.ts';
import {decodeMessages, type Message} from '../../src/wire/message.ts';
import {addressFlags, rtnetlink} from '../../src/wire/rtnetlink.ts';
import {Writer} from '../../src/wire/writer.ts';

function message<L extends Layout>(type: number, layout: L, body: Draft<L>): Message {
	const writer = new Writer();
	encodeMessage(writer, {type, flags: 0, sequence: 0}, layout, body);
	const [only] = decodeMessages(writer.written().slice());
	if (only === undefined) {
		throw new Error('one message was written');
	}

	return only;
}

const link = (index: number, name: string, flags: number = linkFlags.up) =>
	message(rtnetlink.link.new, rtnetlink.link.layout, {index, name, flags});

function address(text: string, index: number, more: Draft<typeof rtnetlink.address.layout> = {}): Message {
	const bytes = addressBytes(parseAddress(text));
	return message(rtnetlink.address.new, rtnetlink.address.layout, {index, address: bytes, ...more});
}

const gone = (of: Message): Message => ({...of, type: of.type + 1});

function tableOf(...messages: readonly Message[]): AddressTable {
	const table = new AddressTable();
	for (const each of messages) {
		table.apply(each);
	}

	return table;
}

const spoken = (changes: readonly Change[]) =>
	changes.map((change) => {
		if (change.verb === 'put') {
			return change.object.kind === 'NodeAddress' ? `${change.object.address} on ${change.object.interface}` : '';
		}

		return change.verb === 'delete' ? `no ${change.key}` : 'synced';
	});

const eth0 = link(2, 'eth0');

test('an address is told once, and its end once', (t) => {
	const table = tableOf(eth0, address('192.0.2.1', 2), address('2001:db8::1', 2));
	t.deepEqual(spoken(table.changes()), ['192.0.2.1 on eth0', '2001:db8::1 on eth0']);
	table.apply(address('192.0.2.1', 2));
	t.deepEqual(table.changes(), []);
	table.apply(gone(address('192.0.2.1', 2)));
	table.apply(gone(address('192.0.2.1', 2)));
	t.deepEqual(spoken(table.changes()), ['no 192.0.2.1']);
});

test('loopback and link-local addresses are left out, a service address on lo is not', (t) => {
	const addresses = ['127.0.0.1', '127.8.8.8', '::1', 'fe80::1', '169.254.20.10', '198.51.100.7'];
	const table = tableOf(link(1, 'lo'), ...addresses.map((text) => address(text, 1)));
	t.deepEqual(spoken(table.changes()), ['169.254.20.10 on lo', '198.51.100.7 on lo']);
});

test('an address counts when duplicate detection is over, and no more when it has found a duplicate', (t) => {
	const table = tableOf(
		eth0,
		address('2001:db8::1', 2, {flags: addressFlags.tentative, allFlags: addressFlags.tentative}),
	);
	t.deepEqual(table.changes(), []);
	table.apply(address('2001:db8::1', 2, {flags: addressFlags.permanent, allFlags: addressFlags.permanent}));
	t.deepEqual(spoken(table.changes()), ['2001:db8::1 on eth0']);
	table.apply(address('2001:db8::1', 2, {allFlags: addressFlags.duplicate | addressFlags.tentative}));
	t.deepEqual(spoken(table.changes()), ['no 2001:db8::1']);
});

test('deprecated and temporary addresses still take connections', (t) => {
	const allFlags = addressFlags.deprecated | addressFlags.temporary;
	t.deepEqual(spoken(tableOf(eth0, address('2001:db8::1', 2, {allFlags})).changes()), ['2001:db8::1 on eth0']);
});

test('of a point-to-point interface the own address counts, not the peer’s', (t) => {
	const local = addressBytes(parseAddress('192.0.2.1'));
	t.deepEqual(spoken(tableOf(eth0, address('192.0.2.2', 2, {local})).changes()), ['192.0.2.1 on eth0']);
});

test('an address on three interfaces stays until the last of them gives it up', (t) => {
	const veths = [5, 4, 3].map((index) => link(index, `veth${index}`));
	const table = tableOf(...veths, ...[5, 3, 4].map((index) => address('169.254.1.1', index)));
	t.deepEqual(spoken(table.changes()), ['169.254.1.1 on veth3']);
	table.apply(gone(address('169.254.1.1', 3)));
	t.deepEqual(spoken(table.changes()), ['169.254.1.1 on veth4']);
	table.apply(gone(address('169.254.1.1', 5)));
	t.deepEqual(table.changes(), []);
	table.apply(gone(link(4, 'veth4')));
	t.deepEqual(spoken(table.changes()), ['no 169.254.1.1']);
});

test('an interface that goes down takes its addresses along, a renamed one keeps them', (t) => {
	const table = tableOf(address('192.0.2.1', 2));
	t.deepEqual(table.changes(), []);
	table.apply(eth0);
	t.deepEqual(spoken(table.changes()), ['192.0.2.1 on eth0']);
	table.apply(link(2, 'eth0', 0));
	t.deepEqual(spoken(table.changes()), ['no 192.0.2.1']);
	table.apply(link(2, 'wan'));
	t.deepEqual(spoken(table.changes()), ['192.0.2.1 on wan']);
	table.apply(link(2, 'lan'));
	t.deepEqual(spoken(table.changes()), ['192.0.2.1 on lan']);
});

test('after everything was read anew only the difference is told', (t) => {
	const table = tableOf(eth0, address('192.0.2.1', 2), address('192.0.2.2', 2));
	table.changes();
	table.clear();
	for (const each of [eth0, address('192.0.2.2', 2), address('192.0.2.3', 2)]) {
		table.apply(each);
	}

	t.deepEqual(spoken(table.changes()), ['no 192.0.2.1', '192.0.2.3 on eth0']);
});
