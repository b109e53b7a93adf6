import {mkdir, mkdtemp, rename, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

/** A directory of objects that a daemon watches, and beside it a place for the daemon's own state. */
export class ObjectFolder {
	readonly #root: string;
	/** Where files are written. */
	#objects: string;
	#written = 0;

	private constructor(root: string) {
		this.#root = root;
		this.#objects = join(root, 'objects');
	}

	static async create(): Promise<ObjectFolder> {
		const folder = new ObjectFolder(await mkdtemp(join(tmpdir(), 'fairlead-test-')));
		await mkdir(folder.#objects);
		await mkdir(folder.confDir);
		return folder;
	}

	/** What tells `fairlead run` to use this folder. */
	get flags(): readonly string[] {
		return ['--objects', join(this.#root, 'objects'), ...this.stateFlags];
	}

	/** Where a runtime would look for network configurations. */
	get confDir(): string {
		return join(this.#root, 'net.d');
	}

	get stateFlags(): readonly string[] {
		return ['--state-dir', join(this.#root, 'state')];
	}

	/** Writes a file as an operator's tools do: under another name, then renamed. */
	async write(file: string, text: string): Promise<void> {
		const part = join(this.#root, `part-${++this.#written}`);
		await writeFile(part, text);
		await rename(part, join(this.#objects, file));
	}

	async remove(file: string): Promise<void> {
		await rm(join(this.#objects, file));
	}

	/** Takes the folder away, with all that is in it. */
	async hide(): Promise<void> {
		await rename(this.#objects, join(this.#root, 'hidden'));
	}

	/** Puts the folder back; `before` is done to it while nobody watches it. */
	async show(before: () => Promise<void>): Promise<void> {
		this.#objects = join(this.#root, 'hidden');
		await before();
		this.#objects = join(this.#root, 'objects');
		await rename(join(this.#root, 'hidden'), this.#objects);
	}

	async end(): Promise<void> {
		await rm(this.#root, {recursive: true, force: true});
	}
}

/** A List of objects in JSON, which is YAML too. */
export function printList(items: readonly unknown[]): string {
	return JSON.stringify({apiVersion: 'v1', kind: 'List', items});
}
