import {mkdir, mkdtemp, rename, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

/** A directory of objects that a daemon watches, and beside it a place for the daemon's own state. */
export class ObjectFolder {
	readonly #root: string;
	#written = 0;

	private constructor(root: string) {
		this.#root = root;
	}

	static async create(): Promise<ObjectFolder> {
		const folder = new ObjectFolder(await mkdtemp(join(tmpdir(), 'fairlead-test-')));
		await mkdir(join(folder.#root, 'objects'));
		return folder;
	}

	/** What tells `fairlead run` to use this folder. */
	get flags(): readonly string[] {
		return ['--objects', join(this.#root, 'objects'), ...this.stateFlags];
	}

	get stateFlags(): readonly string[] {
		return ['--state-dir', join(this.#root, 'state')];
	}

	/** Writes a file as an operator's tools do: under another name, then renamed. */
	async write(file: string, text: string): Promise<void> {
		const part = join(this.#root, `part-${++this.#written}`);
		await writeFile(part, text);
		await rename(part, join(this.#root, 'objects', file));
	}

	async remove(file: string): Promise<void> {
		await rm(join(this.#root, 'objects', file));
	}

	async end(): Promise<void> {
		await rm(this.#root, {recursive: true, force: true});
	}
}

/** A List of objects in JSON, which is YAML too. */
export function printList(items: readonly unknown[]): string {
	return JSON.stringify({apiVersion: 'v1', kind: 'List', items});
}
