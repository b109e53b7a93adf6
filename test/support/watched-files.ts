import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import type {ExecutionContext} from 'ava';
import type {NetError} from '../../src/errors.ts';
import {systemClock} from '../../src/files/clock.ts';
import {Reader} from '../../src/files/reader.ts';
import {type WatchOptions, watchFiles} from '../../src/files/watch.ts';
import type {Change} from '../../src/model/change.ts';
import {keyOf} from '../../src/model/objects.ts';

/** One thread for the tests of a file, which run one after the other: to start it takes longer than to read. */
const reader = new Reader(systemClock);

/** A directory of its own for a test, gone with it. */
export function temporaryDirectory(t: ExecutionContext): string {
	const directory = mkdtempSync(join(tmpdir(), 'fairlead-files-'));
	t.teardown(() => rmSync(directory, {recursive: true, force: true}));
	return directory;
}

/** Writes `name` → text, with the directories that it takes. */
export function writeFiles(directory: string, files: Readonly<Record<string, string>>): void {
	for (const [name, text] of Object.entries(files)) {
		mkdirSync(dirname(join(directory, name)), {recursive: true});
		writeFileSync(join(directory, name), text);
	}
}

/** A Service as YAML. */
export function serviceYaml(name: string, clusterIp = '10.96.0.10', port = 80): string {
	return `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec:
  clusterIP: ${clusterIp}
  ports:
  - port: ${port}
`;
}

/** Follows a path from the start of the test to its end; all waiting is for what the stream or a report says. */
export class WatchedFiles {
	/** `Service default/web 10.96.0.10`, for each Service in force; other objects without an address. */
	readonly inForce = new Map<string, string>();
	/** Every change in order, as `put Service default/web`. */
	readonly told: string[] = [];
	readonly problems = new Set<NetError>();
	readonly warnings: string[] = [];
	/** What the last `synced` said. */
	complete: boolean | undefined;
	/** Reports and mendings, in order: `+ FILE_INVALID`, `- FILE_INVALID`. */
	readonly reports: string[] = [];
	readonly #stop = new AbortController();
	#wake = () => {};

	constructor(t: ExecutionContext, path: string, options: WatchOptions = {}) {
		t.teardown(() => this.#stop.abort());
		void this.#follow(t, path, options);
	}

	/** Resolves once `holds`; a test that waits in vain runs into ava's timeout. */
	async until(holds: () => boolean): Promise<void> {
		while (!holds()) {
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
	}

	async untilSynced(): Promise<void> {
		await this.until(() => this.complete !== undefined);
	}

	/** Codes of what is wrong just now. */
	get codes(): string[] {
		return [...this.problems].map(({code}) => code);
	}

	async #follow(t: ExecutionContext, path: string, options: WatchOptions): Promise<void> {
		const listener: WatchOptions = {
			settleMs: 20,
			reader,
			report: (problem) => this.#report('+', problem),
			resolved: (problem) => this.#report('-', problem),
			warn: (warning) => this.warnings.push(warning),
			...options,
		};
		try {
			for await (const batch of watchFiles(path, listener, this.#stop.signal)) {
				for (const change of batch) {
					this.#take(change);
				}

				this.#wake();
			}
		} catch (error) {
			t.fail(`the stream broke: ${error}`);
		}
	}

	#report(sign: '+' | '-', problem: NetError): void {
		this.reports.push(`${sign} ${problem.code}`);
		this.problems[sign === '+' ? 'add' : 'delete'](problem);
		this.#wake();
	}

	#take(change: Change): void {
		switch (change.verb) {
			case 'put': {
				const {object} = change;
				const name = `${object.kind} ${keyOf(object)}`;
				this.told.push(`put ${name}`);
				this.inForce.set(name, object.kind === 'Service' ? object.clusterIps.join() : '');
				break;
			}
			case 'delete':
				this.told.push(`delete ${change.kind} ${change.key}`);
				this.inForce.delete(`${change.kind} ${change.key}`);
				break;
			case 'synced':
				this.told.push(`synced ${change.complete}`);
				this.complete = change.complete;
				break;
		}
	}
}
