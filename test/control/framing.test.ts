import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {encodeFrame, FrameReader} from '../../src/control/framing.ts';
import {NetError} from '../../src/errors.ts';

const bytesMax = 1000;

function readAll(reader: FrameReader, ...chunks: readonly Uint8Array[]): unknown[] {
	return chunks.flatMap((chunk) => [...reader.push(chunk)]);
}

test('a message is its length in four bytes, big-endian, and JSON in UTF-8', (t) => {
	t.is(Buffer.from(encodeFrame({a: 'ö'}, bytesMax)).toString('latin1'), '\0\0\0\u000a{"a":"Ã¶"}');
});

testProp(
	'messages come out as they went in, however the stream was cut',
	[fc.array(fc.jsonValue({maxDepth: 2}), {maxLength: 5}), fc.array(fc.nat(40), {minLength: 1})],
	(t, messages, cuts) => {
		const values = messages.map((value): unknown => JSON.parse(JSON.stringify(value))); // JSON has no -0
		const stream = Buffer.concat(values.map((value) => encodeFrame(value, 1_000_000)));
		const reader = new FrameReader(1_000_000);
		const got: unknown[] = [];
		for (let [at, cut] = [0, 0]; at < stream.length; cut++) {
			const end = at + 1 + (cuts[cut % cuts.length] ?? 0);
			got.push(...reader.push(stream.subarray(at, end)));
			at = end;
		}

		t.deepEqual(got, values);
	},
);

testProp(
	'any bytes are messages, the beginning of one, or a NetError',
	[fc.uint8Array({maxLength: 64})],
	(t, bytes) => {
		try {
			readAll(new FrameReader(bytesMax), bytes);
			t.pass();
		} catch (error) {
			t.true(error instanceof NetError, String(error));
		}
	},
);

test('half a message is no message, and the other half completes it', (t) => {
	const reader = new FrameReader(bytesMax);
	const frame = encodeFrame([1, 2, 3], bytesMax);
	t.deepEqual(readAll(reader, frame.subarray(0, 3)), []);
	t.deepEqual(readAll(reader, frame.subarray(3, 7)), []);
	t.deepEqual(readAll(reader, frame.subarray(7)), [[1, 2, 3]]);
});

test('a message that announces a gigabyte is refused before a byte of it comes', (t) => {
	const error = t.throws(() => readAll(new FrameReader(bytesMax), Uint8Array.of(0x40, 0, 0, 0)));
	t.like(error, {code: 'CONTROL_TOO_LONG', details: {bytes: 2 ** 30, bytesMax}});
});

test('what was whole before a broken message is given out', (t) => {
	const reader = new FrameReader(bytesMax);
	const messages = reader.push(Buffer.concat([encodeFrame('whole', bytesMax), Uint8Array.of(0, 0, 0, 1, 0x7b)]));
	t.deepEqual(messages.next(), {done: false, value: 'whole'});
	t.like(
		t.throws(() => messages.next()),
		{code: 'CONTROL_INVALID'},
	);
});

test('text that is no UTF-8, and a message of nothing, are refused', (t) => {
	for (const bytes of [
		[0, 0, 0, 3, 0x22, 0xff, 0x22],
		[0, 0, 0, 0],
	]) {
		t.like(
			t.throws(() => readAll(new FrameReader(bytesMax), Uint8Array.from(bytes)), {instanceOf: NetError}),
			{code: 'CONTROL_INVALID'},
		);
	}
});

test('a message takes memory as it comes, not as it announces', (t) => {
	const before = process.memoryUsage().arrayBuffers;
	const readers = Array.from({length: 64}, () => new FrameReader(1_000_000));
	for (const reader of readers) {
		t.deepEqual(readAll(reader, Uint8Array.of(0, 0x0f, 0x42, 0x40, 0x22)), []); // 1,000,000 bytes, of which one
	}

	const grown = process.memoryUsage().arrayBuffers - before;
	t.true(grown < 2_000_000, `${grown} bytes for ${readers.length} messages`);
});

test('a message longer than its reader takes is not sent', (t) => {
	t.like(
		t.throws(() => encodeFrame('x'.repeat(bytesMax), bytesMax)),
		{code: 'CONTROL_TOO_LONG'},
	);
});
