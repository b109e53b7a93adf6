/** Where a command speaks, and the exit code that it leaves. */
export type Terminal = {
	/** The result of a command, and nothing else. */
	readonly out: (text: string) => void;
	readonly err: (text: string) => void;
	exitCode: number;
};

/** The terminal or pipes of this process. */
export function processTerminal(): Terminal {
	return {
		out: (text) => void process.stdout.write(text), // false only asks to slow down, and commands print once
		err: (text) => void process.stderr.write(text),
		exitCode: 0,
	};
}
