/** What paired rounds say of a ratio: its geometric mean, and the ends of its two-sided 95 % interval. */
export type Interval = {readonly ratio: number; readonly lower: number; readonly upper: number};

/**
 * How many times as long one thing takes as the other, from rounds in which both were measured: Student's t-interval
 * of the logarithms of the rounds' ratios, so that a round in which the machine was slow counts no more than any other.
 *
 * @throws RangeError with fewer than two rounds, or unequal numbers of them
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): Interval {
	const rounds = ours.length;
	if (rounds < 2 || theirs.length !== rounds) {
		throw new RangeError(`${rounds} rounds cannot be paired with ${theirs.length}`);
	}

	const logs = ours.map((value, round) => Math.log(value / (theirs[round] ?? Number.NaN)));
	const mean = sum(logs) / rounds;
	const variance = sum(logs.map((log) => (log - mean) ** 2)) / (rounds - 1);
	const margin = studentQuantile(rounds - 1) * Math.sqrt(variance / rounds);
	return {ratio: Math.exp(mean), lower: Math.exp(mean - margin), upper: Math.exp(mean + margin)};
}

function sum(values: readonly number[]): number {
	return values.reduce((total, value) => total + value, 0);
}

/** The 97.5th percentile of the standard normal distribution. */
const z = 1.959964;

/**
 * The 97.5th percentile of Student's distribution, to three digits from 8 degrees of freedom on.
 * Source: Abramowitz and Stegun, 26.7.5.
 */
function studentQuantile(degrees: number): number {
	return (
		z +
		(z ** 3 + z) / (4 * degrees) +
		(5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2) +
		(3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * degrees ** 3)
	);
}
