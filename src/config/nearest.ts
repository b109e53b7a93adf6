/** The candidate whose last part (behind the last dot) is spelled most like that of `path`; undefined when none is. */
export function nearestPath(path: string, candidates: Iterable<string>): string | undefined {
	const leaf = leafOf(path);
	let [best, fewest] = [undefined as string | undefined, Math.min(2, Math.floor(leaf.length / 3)) + 1];
	for (const candidate of candidates) {
		const edits = countEdits(leaf, leafOf(candidate));
		if (edits < fewest) {
			[best, fewest] = [candidate, edits];
		}
	}

	return best;
}

/** Case is no difference: it is the commonest slip. */
function leafOf(path: string): string {
	return path.slice(path.lastIndexOf('.') + 1).toLowerCase();
}

/** Letters to put in, take out or change to make one word of the other: Levenshtein's distance. */
function countEdits(from: string, to: string): number {
	let row = Array.from({length: to.length + 1}, (_, index) => index);
	for (const [index, letter] of [...from].entries()) {
		const next = [index + 1];
		for (let at = 0; at < to.length; at++) {
			const change = (row[at] ?? 0) + (letter === to[at] ? 0 : 1);
			next.push(Math.min(change, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
		}

		row = next;
	}

	return row[to.length] ?? 0;
}
