import {styleText} from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Prints the demo as a text of numbered steps, tables and checked facts, and remembers what did not hold. */
export class Story {
	readonly #began = performance.now();
	#step = 0;
	#facts = 0;
	#failed = 0;

	say(text: string): void {
		process.stdout.write(`${text}\n`);
	}

	step(title: string): void {
		const seconds = ((performance.now() - this.#began) / 1000).toFixed(1);
		this.say(`\n${paint('bold', `${++this.#step}. ${title}`)}  ${paint('gray', `${seconds} s`)}`);
	}

	/** Lines whose columns stand under each other; the first line is the heading. */
	table(lines: readonly (readonly string[])[]): void {
		const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
		for (const [index, line] of lines.entries()) {
			const text = line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
			this.say(`   ${index === 0 ? paint('gray', text.trimEnd()) : text.trimEnd()}`);
		}
	}

	/** One checked fact; `otherwise` says what was found instead. */
	fact(text: string, holds: boolean, otherwise = ''): void {
		this.#facts++;
		if (holds) {
			this.say(`   ${paint('green', '✓')} ${text}`);
		} else {
			this.#failed++;
			this.say(`   ${paint('red', '✗')} ${text}${otherwise === '' ? '' : `: ${otherwise}`}`);
		}
	}

	/** The last line; whether all held. */
	end(): boolean {
		const seconds = ((performance.now() - this.#began) / 1000).toFixed(1);
		const kept = this.#facts - this.#failed;
		this.say(`\n${kept} of ${this.#facts} facts held, in ${seconds} s.`);
		return this.#failed === 0 && this.#facts > 0;
	}
}

/** Colour on a terminal only. */
function paint(style: Style, text: string): string {
	return styleText(style, text, {stream: process.stdout});
}
