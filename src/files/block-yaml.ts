/** Thrown where a text leaves the form that this file is sure of; never leaves the file. */
const unsure = new Error('not the plain block form');

/** Plain scalars that are no text, in YAML 1.2 and, for the booleans, 1.1. */
const words: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
	...['null', 'Null', 'NULL'].map((word) => [word, null] as const),
	...['true', 'True', 'TRUE', 'y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON'].map((word) => [word, true] as const),
	...['false', 'False', 'FALSE', 'n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
]);

/** Whole numbers that JavaScript holds exactly, without a leading zero. */
const wholeNumber = /^(?:0|[1-9][0-9]{0,14})$/;

/** What the core schema takes for a number and the line above does not. YAML 1.2.2, section 10.3.2. */
const otherNumber = /^(?:0o[0-7]+|0x[0-9a-fA-F]+|[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)$/;

/** What ends a plain scalar or makes it a key. YAML 1.2.2, section 7.3.3. */
const notPlain = /: | #|[: ]$/;

const [space, newline, dash, colon] = [0x20, 0x0a, 0x2d, 0x3a];

/**
 * The items of a block list in the plain form that kubectl prints: block mappings and lists, one-line scalars,
 * literal blocks, `{}` and `[]`. Undefined for any text that has more than that (comments, flow collections,
 * anchors, escapes, folded lines, other characters than ASCII): then a whole YAML parser has to read it. What this
 * one reads it reads as that one does, ten times as fast.
 */
export function parseBlockItems(text: string): unknown[] | undefined {
	if (!text.endsWith('\n') || /[^\n -~]/.test(text)) {
		return undefined;
	}

	try {
		return new BlockReader(text).document();
	} catch (error) {
		if (error === unsure) {
			return undefined;
		}

		throw error;
	}
}

class BlockReader {
	readonly #text: string;
	/** Start of the line that is read next, and how many spaces it begins with; -1 behind the last line. */
	#at = 0;
	#indent = 0;

	constructor(text: string) {
		this.#text = text;
	}

	document(): unknown[] {
		this.#goTo(0);
		const items = this.#sequence(this.#indent);
		if (this.#indent !== -1) {
			throw unsure;
		}

		return items;
	}

	#goTo(line: number): void {
		let at = line;
		while (this.#text.charCodeAt(at) === space) {
			at++;
		}

		if (this.#text.charCodeAt(at) === newline) {
			throw unsure;
		}

		this.#at = line;
		this.#indent = at < this.#text.length ? at - line : -1;
	}

	#sequence(indent: number): unknown[] {
		const items: unknown[] = [];
		while (this.#indent === indent && this.#startsItem()) {
			const start = this.#at + indent + 2;
			items.push(this.#keyEnd(start) < 0 ? this.#scalar(start, indent) : this.#mapping(start, indent + 2));
		}

		return items;
	}

	#startsItem(): boolean {
		const at = this.#at + this.#indent;
		return this.#text.charCodeAt(at) === dash && this.#text.charCodeAt(at + 1) === space;
	}

	/** @param first where the first key begins; the others begin at `indent` of the lines below */
	#mapping(first: number, indent: number): Record<string, unknown> {
		const object: Record<string, unknown> = {};
		for (let start = first; ; start = this.#at + indent) {
			const end = this.#keyEnd(start);
			const key = this.#text.slice(start, end);
			if (end < 0 || (key.length <= 5 && words.has(key)) || Object.hasOwn(object, key)) {
				throw unsure;
			}

			object[key] = this.#value(end + 1, indent);
			if (this.#indent > indent) {
				throw unsure;
			}

			if (this.#indent < indent) {
				return object;
			}
		}
	}

	/** Where the colon stands behind a key of letters, digits and `_./-`; -1 when there is none. */
	#keyEnd(start: number): number {
		let at = start;
		if (!isLetter(this.#text.charCodeAt(at))) {
			return -1;
		}

		while (isKeyCharacter(this.#text.charCodeAt(at))) {
			at++;
		}

		const after = this.#text.charCodeAt(at + 1);
		return this.#text.charCodeAt(at) === colon && (after === space || after === newline) ? at : -1;
	}

	/** @param at behind the key's colon; `indent` is that of its mapping */
	#value(at: number, indent: number): unknown {
		if (this.#text.charCodeAt(at) === space) {
			return this.#scalar(at + 1, indent);
		}

		this.#goTo(at + 1);
		if (this.#indent >= indent && this.#startsItem()) {
			return this.#sequence(this.#indent);
		}

		return this.#indent > indent ? this.#mapping(this.#at + this.#indent, this.#indent) : null;
	}

	/** The scalar on the rest of a line; `indent` is that of the collection it is in. */
	#scalar(start: number, indent: number): unknown {
		const end = this.#text.indexOf('\n', start);
		if (this.#text[start] === '|') {
			return this.#literal(start, end, indent);
		}

		const value = scalar(this.#text.slice(start, end));
		this.#goTo(end + 1);
		if (this.#indent > indent) {
			throw unsure; // it goes on in the next line
		}

		return value;
	}

	/** A literal block, `|` or `|-`; `indent` is that of the collection it is in. */
	#literal(start: number, headerEnd: number, indent: number): string {
		const header = this.#text.slice(start, headerEnd);
		this.#goTo(headerEnd + 1);
		const width = this.#indent;
		if ((header !== '|' && header !== '|-') || width <= indent) {
			throw unsure;
		}

		const lines: string[] = [];
		let line = this.#at;
		for (let end = line; line < this.#text.length; line = end + 1) {
			end = this.#text.indexOf('\n', line);
			const content = this.#text.slice(line, end);
			if (content !== '' && content.trim() === '') {
				throw unsure;
			}

			if (content !== '' && !content.startsWith(' '.repeat(width))) {
				break;
			}

			lines.push(content.slice(width));
		}

		this.#goTo(line);
		if (this.#indent > indent) {
			throw unsure;
		}

		while (lines.at(-1) === '') {
			lines.pop();
		}

		return lines.join('\n') + (header === '|' ? '\n' : '');
	}
}

function scalar(text: string): unknown {
	const first = text.charCodeAt(0);
	if (isLetter(first)) {
		const word = text.length <= 5 ? words.get(text) : undefined;
		return word === undefined ? plain(text) : word;
	}

	if (first >= 0x30 && first <= 0x39) {
		return wholeNumber.test(text) ? Number(text) : plain(otherNumber.test(text) ? '' : text);
	}

	return text === '{}' ? {} : text === '[]' ? [] : quoted(text);
}

/** A plain scalar, which is text. */
function plain(text: string): string {
	if (text === '' || notPlain.test(text)) {
		throw unsure;
	}

	return text;
}

/** A quoted scalar without escapes but the doubled single quote. */
function quoted(text: string): string {
	const inner = text.slice(1, -1);
	if (text.length < 2 || text[0] !== text.at(-1)) {
		throw unsure;
	}

	if (text[0] === '"' && !inner.includes('"') && !inner.includes('\\')) {
		return inner;
	}

	if (text[0] === "'" && !inner.replaceAll("''", '').includes("'")) {
		return inner.replaceAll("''", "'");
	}

	throw unsure;
}

function isLetter(code: number): boolean {
	return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}

/** Letters, digits, and `-./_`. */
function isKeyCharacter(code: number): boolean {
	return isLetter(code) || (code >= 0x2d && code <= 0x39) || code === 0x5f;
}
