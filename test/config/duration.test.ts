import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {parseDuration, printDuration} from '../../src/config/duration.ts';

test('durations are read as Go writes them', (t) => {
	const spelled = {
		'30s': 30_000,
		'1m30s': 90_000,
		'2h22m': 8_520_000,
		'1.5s': 1500,
		'250ms': 250,
		'.5h': 1_800_000,
		'0': 0,
		'-1s': -1000,
	};
	for (const [text, ms] of Object.entries(spelled)) {
		t.is(parseDuration(text), ms, text);
	}
});

test('a number without a unit, a unit without a number and nothing are no durations', (t) => {
	for (const text of ['', '30', 's', '1 s', '1d', '1s2', '.s', '+', '1e3s']) {
		t.is(parseDuration(text), undefined, text);
	}
});

test('durations are printed as Go prints them', (t) => {
	for (const text of ['0s', '30s', '1m30s', '24h0m0s', '1h0m0.5s', '1.5s', '250ms', '1.25µs', '3ns', '999.999999ms']) {
		t.is(printDuration(parseDuration(text) ?? Number.NaN), text);
	}
});

testProp('a duration that is printed is read as the same', [fc.nat({max: 2 ** 50})], (t, nanoseconds) => {
	const ms = parseDuration(`${nanoseconds}ns`) ?? Number.NaN;
	t.is(parseDuration(printDuration(ms)), ms);
});
