/** Where a command speaks, and the exit code that it leaves. */
export type Terminal = {
	/** The result of a command, and nothing else. */
	readonly out: (text: string) => void;
	readonly err: (text: string) => void;
	/** What `out` goes to, where that is a screen and no pipe. */
	readonly screen?: {readonly columns: number} | undefined;
	/** From this call on, an interrupt (Ctrl-C) does not end the process but aborts the signal; the next one ends it. */
	readonly interrupted: () => AbortSignal;
	exitCode: number;
};

/** The terminal or pipes of this process. */
export function processTerminal(): Terminal {
	return {
		out: (text) => void process.stdout.write(text), // false only asks to slow down, and commands print once
		err: (text) => void process.stderr.write(text),
		get screen() {
			return process.stdout.isTTY ? {columns: process.stdout.columns} : undefined;
		},
		interrupted() {
			const interrupt = new AbortController();
			for (const signal of ['SIGINT', 'SIGTERM'] as const) {
				process.once(signal, () => interrupt.abort());
			}

			return interrupt.signal;
		},
		exitCode: 0,
	};
}
