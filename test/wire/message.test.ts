import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {
	beginMessage,
	controlTypes,
	decodeAcknowledgement,
	decodeMessages,
	endMessage,
	type Message,
	messageFlags,
} from '../../src/wire/message.ts';
import {Writer} from '../../src/wire/writer.ts';
import {fromHex, hex} from './hex.ts';
import {refusesCleanly} from './values.ts';

function only(datagram: string): Message {
	const [message, ...others] = decodeMessages(fromHex(datagram));
	if (message === undefined || others.length > 0) {
		throw new Error('expected one message');
	}

	return message;
}

test('a request for the ruleset generation, byte for byte as nft 1.0.6 sends it', (t) => {
	const writer = new Writer(4);
	const start = beginMessage(writer, 0x0a10, messageFlags.request, 0);
	writer.u32(0); // struct nfgenmsg
	endMessage(writer, start);
	t.is(hex(writer.written()), '14000000 100a0100 00000000 00000000 00000000');
});

test('two messages in one datagram are read one by one', (t) => {
	// the end of `ip addr show dev lo`: RTM_NEWADDR of ::1, then NLMSG_DONE in a datagram of the same dump
	const messages = decodeMessages(
		fromHex('14000000 14002200 a6b2046b e91d0000 0a8080fe 14000000 03002200 a6b2046b e91d0000 00000000'),
	);
	t.deepEqual(
		messages.map(({type, flags, sequence, port, payload}) => [type, flags, sequence, port, hex(payload)]),
		[
			[20, 0x22, 0x6b04b2a6, 7657, '0a8080fe'],
			[3, 0x22, 0x6b04b2a6, 7657, '00000000'],
		],
	);
});

test('a message may end without its padding', (t) => {
	const messages = decodeMessages(fromHex('12000000 14000000 00000000 00000000 abcd'));
	t.deepEqual(
		messages.map(({payload}) => hex(payload)),
		['abcd'],
	);
});

test('an acknowledgement of success has errno 0 and names the request by its sequence', (t) => {
	// `ip link set lo mtu 1`, flags NLM_F_CAPPED
	const message = only('24000000 02000001 a5b2046b e51d0000 00000000 28000000 10000500 a5b2046b 00000000');
	t.deepEqual(decodeAcknowledgement(message), {errno: 0, type: 16, sequence: 0x6b04b2a5});
});

test('a refusal without extended ack repeats the request, which is skipped', (t) => {
	// `nft add chain ip kub in { type nat hook input priority -999; }`: EOPNOTSUPP
	const message = only(`54000000 02000000 01000000 f01c0000 a1ffffff 40000000 030a0104 01000000 00000000 02000000
		08000100 6b756200 07000300 696e0000 08000700 6e617400 14000480 08000100 00000001 08000200 fffffc19`);
	t.deepEqual(decodeAcknowledgement(message), {errno: 95, type: 0x0a03, sequence: 1});
});

test('a refusal with extended ack names the byte at fault', (t) => {
	// `nft list chain ip kub b`: ENOENT at the name attribute; the request was not padded with zeros by nft
	const message = only(`40000000 02000002 00000000 f51c0000 feffffff 24000000 040a0500 00000000 00000000 02000000
		08000100 6b756200 06000300 620061de 08000200 1c000000`);
	t.deepEqual(decodeAcknowledgement(message), {errno: 2, type: 0x0a04, sequence: 0, offset: 0x1c});
});

test('a refusal carries the sentence of the kernel', (t) => {
	// `ip route add 10.0.0.0/8 via 1.2.3.4`
	const whole = `60000000 02000002 a5b2046b d91d0000 9bffffff 2c000000 18000506 a5b2046b 00000000 02080000 fe030001
		00000000 08000100 0a000000 08000500 01020304 20000100 4e657874 686f7020 68617320 696e7661 6c696420 67617465 77617900`;
	const expected = {errno: 101, type: 24, sequence: 0x6b04b2a5, text: 'Nexthop has invalid gateway'};
	t.deepEqual(decodeAcknowledgement(only(whole)), expected);

	// the same with NETLINK_CAP_ACK: flags NLM_F_CAPPED | NLM_F_ACK_TLVS, and no payload of the request
	const capped = `44000000 02000003 a5b2046b d91d0000 9bffffff 2c000000 18000506 a5b2046b 00000000
		20000100 4e657874 686f7020 68617320 696e7661 6c696420 67617465 77617900`;
	t.deepEqual(decodeAcknowledgement(only(capped)), expected);
});

test('the end of a dump carries the errno of the dump', (t) => {
	const done = (payload: string) => ({
		type: controlTypes.done,
		flags: 0,
		sequence: 7,
		port: 1,
		payload: fromHex(payload),
	});
	t.deepEqual(decodeAcknowledgement(done('00000000')), {errno: 0, type: 0, sequence: 7});
	t.deepEqual(decodeAcknowledgement(done('fcffffff')), {errno: 4, type: 0, sequence: 7});
	t.deepEqual(decodeAcknowledgement(done('')), {errno: 0, type: 0, sequence: 7});
});

test('a message that claims more bytes than there are is refused, with where it starts', (t) => {
	const second = '14000000 03002200 a6b2046b e91d0000 00000000 18000000 03002200 a6b2046b e91d0000 00000000';
	t.throws(() => decodeMessages(fromHex(second)), {
		code: 'WIRE_TRUNCATED',
		message: 'cannot read the message at byte 20',
	});
	t.throws(() => decodeMessages(fromHex('0c000000 03002200 a6b2046b e91d0000')), {code: 'WIRE_TRUNCATED'});
	t.throws(() => decodeMessages(fromHex('10000000 03')), {code: 'WIRE_TRUNCATED'});
	t.throws(() => decodeAcknowledgement(only('14000000 02000000 01000000 f01c0000 a1ffffff')), {code: 'WIRE_TRUNCATED'});
});

const messages = fc.array(
	fc.record(
		{
			type: fc.nat({max: 0xffff}),
			flags: fc.nat({max: 0xffff}),
			sequence: fc.nat({max: 0xffffffff}),
			port: fc.nat({max: 0xffffffff}),
			payload: fc.uint8Array({maxLength: 100}),
		},
		{noNullPrototype: true},
	),
);

testProp('messages written into one buffer are read back the same', [messages], (t, values) => {
	const writer = new Writer(1);
	for (const {type, flags, sequence, port, payload} of values) {
		const start = beginMessage(writer, type, flags, sequence, port);
		writer.raw(payload);
		endMessage(writer, start);
	}

	t.deepEqual(
		decodeMessages(writer.written()).map((message) => ({...message, payload: message.payload.slice()})),
		values,
	);
});

const headerLike = fc
	.tuple(fc.nat({max: 60}), fc.constantFrom(2, 3), fc.nat({max: 3}), fc.uint8Array({maxLength: 60}))
	.map(([length, type, flags, rest]) =>
		Uint8Array.from([length, 0, 0, 0, type, 0, 0, flags, 0, 0, 0, 0, 0, 0, 0, 0, ...rest]),
	);

testProp('any datagram decodes or is refused', [fc.oneof(fc.uint8Array({maxLength: 64}), headerLike)], (t, bytes) => {
	refusesCleanly(t, () => decodeMessages(bytes).map(decodeAcknowledgement));
});
