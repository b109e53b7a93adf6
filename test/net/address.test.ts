import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {Address6} from 'ip-address';
import {NetError} from '../../src/errors.ts';
import {type Address, addressBytes, addressFromBytes, compareAddresses, parseAddress} from '../../src/net/address.ts';
import {collapsePrefixes, lastAddress, parsePrefix, prefixContains, printPrefix} from '../../src/net/prefix.ts';

test('leading zeros of an IPv4 octet are dropped, not read as octal', (t) => {
	t.is(parseAddress('010.000.0.011'), '10.0.0.11' as Address);
});

test('IPv6 text is canonical as RFC 5952 asks', (t) => {
	t.is(parseAddress('FD00:0:0:0::01'), 'fd00::1' as Address);
	t.is(parseAddress('2001:db8:0:0:1:0:0:1'), '2001:db8::1:0:0:1' as Address);
	t.is(parseAddress('2001:db8:0:1:1:1:1:1'), '2001:db8:0:1:1:1:1:1' as Address);
	t.is(parseAddress('::'), '::' as Address);
});

test('what is no address is refused by its text', (t) => {
	for (const text of ['', '10.0.0', '10.0.0.256', '10.0.0.1/8', 'fe80::1%eth0', 'x', '1:2:3', ' 10.0.0.1', '::/0']) {
		t.throws(() => parseAddress(text), {code: 'NET_INVALID', message: `cannot parse address ${JSON.stringify(text)}`});
	}
});

test('a prefix loses its host bits and knows its ends', (t) => {
	t.is(printPrefix(parsePrefix('10.130.1.2/9')), '10.128.0.0/9');
	t.is(lastAddress(parsePrefix('10.128.0.0/9')), '10.255.255.255' as Address);
	t.is(lastAddress(parsePrefix('fd00::/64')), 'fd00::ffff:ffff:ffff:ffff' as Address);
	t.true(prefixContains(parsePrefix('0.0.0.0/0'), parseAddress('1.2.3.4')));
	t.false(prefixContains(parsePrefix('0.0.0.0/0'), parseAddress('::1')));
	for (const text of ['10.0.0.0', '10.0.0.0/33', 'fd00::/129', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1']) {
		t.throws(() => parsePrefix(text), {code: 'NET_INVALID'});
	}
});

test('a range inside a wider one is left out', (t) => {
	const texts = ['10.1.0.0/16', '192.168.0.0/24', '10.0.0.0/8', '10.0.0.0/8', 'fd00::/8'];
	t.deepEqual(collapsePrefixes(texts.map(parsePrefix)).map(printPrefix), ['10.0.0.0/8', '192.168.0.0/24', 'fd00::/8']);
});

const anyAddress = fc.oneof(
	fc.uint8Array({minLength: 4, maxLength: 4}),
	fc.uint8Array({minLength: 16, maxLength: 16}),
	ipv6WithZeros(),
);

function ipv6WithZeros() {
	const group = fc.constantFrom(0, 0, 0, 1, 0xff, 0x1234);
	const groups = fc.array(group, {minLength: 8, maxLength: 8});
	return groups.map((values) => Uint8Array.from(values.flatMap((value) => [value >> 8, value & 0xff])));
}

const spelled = fc.array(fc.constantFrom('0', '00', '1', 'ff', '0ff', 'FF', '1234', '12345', ''), {maxLength: 9});

testProp('however an IPv6 address is spelled, it ends in the text that its bytes print', [spelled], (t, groups) => {
	const text = groups.join(':');
	const isValid = Address6.isValid(text);
	t.is(
		attempt(() => parseAddress(text)),
		isValid ? addressFromBytes(Uint8Array.from(new Address6(text).toByteArray())) : undefined,
		text,
	);
});

const octets = fc.array(fc.constantFrom('0', '00', '9', '10', '99', '100', '255', '256', '2555', ''), {
	minLength: 3,
	maxLength: 5,
});

testProp('however an IPv4 address is spelled, its octets are read as decimal', [octets], (t, parts) => {
	const isValid = parts.length === 4 && parts.every((part) => part !== '' && Number(part) <= 255);
	t.is(
		attempt(() => parseAddress(parts.join('.'))),
		isValid ? (parts.map(Number).join('.') as Address) : undefined,
	);
});

function attempt<T>(read: () => T): T | undefined {
	try {
		return read();
	} catch (error) {
		if (error instanceof NetError) {
			return undefined;
		}

		throw error;
	}
}

testProp('bytes → address → text → address → bytes is the identity', [anyAddress], (t, bytes) => {
	const address = addressFromBytes(bytes);
	t.is(parseAddress(address), address);
	t.deepEqual(addressBytes(address), bytes);
	t.is(compareAddresses(address, address), 0);
});

test('addresses sort by number, IPv4 first', (t) => {
	const sorted = ['10.0.0.10', '9.0.0.1', '::1', '10.0.0.9'].map(parseAddress).toSorted(compareAddresses);
	t.deepEqual(sorted as string[], ['9.0.0.1', '10.0.0.9', '10.0.0.10', '::1']);
	t.throws(() => addressFromBytes(new Uint8Array(5)), {code: 'NET_INVALID'});
});
