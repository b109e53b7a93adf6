import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {
	encodeError,
	encodeRequest,
	parseAnswer,
	parseRequest,
	refusedError,
	requestId,
} from '../../src/control/protocol.ts';
import {NetError} from '../../src/errors.ts';

test('a request is read as it was written', (t) => {
	t.deepEqual(parseRequest(encodeRequest(7, 'status', {watch: true})), {id: 7, verb: 'status', watch: true});
	t.deepEqual(parseRequest({id: 7, protocol: 1, verb: 'status'}), {id: 7, verb: 'status', watch: false});
});

test('a request of another version is refused as such, before anything else of it is looked at', (t) => {
	t.like(
		t.throws(() => parseRequest({id: 1, protocol: 2, verb: 'fly'})),
		{code: 'CONTROL_VERSION', details: {daemon: 1, client: 2}},
	);
});

test('what is no request is refused, and a verb that nobody knows is named', (t) => {
	for (const value of [null, 1, [], {}, {id: 1}, {protocol: 1}, {id: '1', protocol: 1, verb: 'status'}]) {
		t.like(
			t.throws(() => parseRequest(value)),
			{code: 'CONTROL_INVALID'},
			JSON.stringify(value),
		);
	}

	t.regex(t.throws(() => parseRequest({id: 1, protocol: 1, verb: 'fly'})).message, /cannot do "fly"/);
});

test('names that every object has are no fields of a request', (t) => {
	t.is(requestId({}), 0);
	t.throws(() => parseRequest({id: 1, protocol: 1, verb: {toString: 'status'}}), {instanceOf: NetError});
});

testProp('any JSON is a request or a NetError', [fc.jsonValue()], (t, value) => {
	try {
		t.truthy(parseRequest(value).id);
	} catch (error) {
		t.true(error instanceof NetError, String(error));
	}
});

test('a refusal comes out as the error that went in', (t) => {
	const sent = new NetError(
		'DAEMON_STATE_DIR',
		'use the folder',
		{path: '/x', bytes: Uint8Array.of(1)},
		new Error('why'),
	);
	const answer = parseAnswer<'status'>(JSON.parse(JSON.stringify(encodeError(3, sent))));
	t.true('error' in answer);
	t.like(refusedError('error' in answer ? answer.error : undefined), {
		code: 'DAEMON_STATE_DIR',
		message: 'cannot use the folder',
		hint: sent.hint,
		details: {path: '/x', bytes: '01'},
	});
});

test('a code of a newer daemon is kept in the details', (t) => {
	const error = refusedError({code: 'TOMORROW', message: 'cannot do it'});
	t.like(error, {code: 'CONTROL_FAILED', message: 'cannot do it', details: {code: 'TOMORROW'}});
});

test('an answer that is several things, or none, is refused', (t) => {
	for (const value of [{}, {id: 1}, {id: 1, part: 1, result: 2}, {part: 1}, null]) {
		t.like(
			t.throws(() => parseAnswer(value)),
			{code: 'CONTROL_INVALID'},
		);
	}
});
