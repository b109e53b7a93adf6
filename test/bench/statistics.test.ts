import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {pairedRatio} from '../../scripts/bench/statistics.ts';

const printed = ({ratio, lower, upper}: ReturnType<typeof pairedRatio>) =>
	[ratio, lower, upper].map((value) => value.toFixed(3)).join(' ');

test('fifteen rounds with the log ratios 0.01 to 0.15 have the t-interval of the textbook', (t) => {
	const theirs = Array.from({length: 15}, (_, round) => 10 + round);
	const ours = theirs.map((value, round) => value * Math.exp((round + 1) / 100));
	// mean 0.08, standard deviation 0.0447214, t(14) = 2.14479: margin 0.024766
	t.is(printed(pairedRatio(ours, theirs)), [0.08, 0.055234, 0.104766].map((log) => Math.exp(log).toFixed(3)).join(' '));
});

test('rounds on a machine of changing speed say no more and no less than on a steady one', (t) => {
	const ratios = [0.9, 0.95, 1, 0.92, 0.97];
	const steady = pairedRatio(ratios, [1, 1, 1, 1, 1]);
	const speeds = [1, 7, 2, 30, 0.5];
	const changing = pairedRatio(
		ratios.map((ratio, round) => ratio * (speeds[round] ?? 1)),
		speeds,
	);
	t.is(printed(changing), printed(steady));
});

const time = fc.double({min: 1, max: 1000, noNaN: true});
const times = fc.array(fc.tuple(time, time), {minLength: 2});
testProp('the ratio lies in its interval, and the other way round it is the inverse', [times], (t, pairs) => {
	const [ours, theirs] = [pairs.map(([value]) => value), pairs.map(([, value]) => value)];
	const there = pairedRatio(ours, theirs);
	const back = pairedRatio(theirs, ours);
	t.true(there.lower <= there.ratio && there.ratio <= there.upper);
	t.true(Math.abs(Math.log(there.upper * back.lower)) < 1e-6);
});

test('one round has no interval, and rounds without a partner none either', (t) => {
	t.throws(() => pairedRatio([1], [1]), {instanceOf: RangeError});
	t.throws(() => pairedRatio([1, 2, 3], [1, 2]), {instanceOf: RangeError});
});
