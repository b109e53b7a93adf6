/** Between two columns. */
const gap = '  ';

/** What the last column gets at least, however narrow the terminal is. */
const lastWidthMin = 30;

/** Rows shown of a list that may be long. */
const rowsMax = 10;

/**
 * Rows under a heading, in columns as wide as what is in them; the last one is wrapped at `width`, under itself.
 * Columns of numbers stand to the right.
 */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[], width: number): string {
	const widths = head.map((name, column) => Math.max(...[name, ...rows.map((row) => row[column] ?? '')].map(lengthOf)));
	const start = widths.slice(0, -1).reduce((sum, wide) => sum + wide + gap.length, 0);
	const isNumber = head.map((_, column) => rows.length > 0 && rows.every((row) => /^[\d,.]+$/.test(row[column] ?? '')));
	const line = (cells: readonly string[]) => {
		const [first = '', ...rest] = wrap(cells.at(-1) ?? '', Math.max(lastWidthMin, width - start));
		const last = isNumber.at(-1) === true ? first.padStart(widths.at(-1) ?? 0) : first;
		const padded = cells.slice(0, -1).map((cell, column) => pad(cell, widths[column] ?? 0, isNumber[column] === true));
		return [[...padded, last].join(gap), ...rest.map((text) => ' '.repeat(start) + text)];
	};
	return [head, ...rows]
		.flatMap(line)
		.map((text) => `${text.trimEnd()}\n`)
		.join('');
}

/** As {@link printTable}, of the first rows; what is left out is counted. */
export function printLongTable(head: readonly string[], rows: readonly (readonly string[])[], width: number): string {
	const left = rows.length - rowsMax;
	const more = left > 0 ? `… and ${printCount(left)} more (-o json lists all)\n` : '';
	return printTable(head, rows.slice(0, rowsMax), width) + more;
}

/** `12,040`. */
export function printCount(count: number): string {
	return count.toLocaleString('en-US');
}

/** `1 Service`, `1,204 Services`, `2 NodeAddresses`. */
export function printSome(count: number, noun: string): string {
	return `${printCount(count)} ${noun}${count === 1 ? '' : noun.endsWith('s') ? 'es' : 's'}`;
}

/** How long something has been, in its two largest units: `0.4s`, `45s`, `3m12s`, `3h11m`, `5d4h`. */
export function printAge(seconds: number): string {
	if (seconds < 10) {
		return `${Math.round(seconds * 10) / 10}s`;
	}

	const whole = Math.round(seconds);
	const units = [
		['d', Math.floor(whole / 86_400)],
		['h', Math.floor(whole / 3600) % 24],
		['m', Math.floor(whole / 60) % 60],
		['s', whole % 60],
	] as const;
	const first = units.findIndex(([, count]) => count > 0);
	const shown = units.slice(first, first + 2).filter(([, count]) => count > 0);
	return shown.map(([unit, count]) => `${count}${unit}`).join('');
}

function pad(text: string, width: number, right: boolean): string {
	const space = ' '.repeat(Math.max(0, width - lengthOf(text)));
	return right ? space + text : text + space;
}

/** As the terminal counts it. */
function lengthOf(text: string): number {
	return [...text].length;
}

/** The text in lines of at most `width`, cut between words; a longer word keeps a line of its own. */
export function wrap(text: string, width: number): readonly string[] {
	const lines: string[] = [];
	let line = '';
	for (const word of text.split(' ')) {
		if (line !== '' && lengthOf(line) + 1 + lengthOf(word) > width) {
			lines.push(line);
			line = word;
		} else {
			line = line === '' ? word : `${line} ${word}`;
		}
	}

	return [...lines, line];
}
