import {mkdtempSync, readFileSync, rmSync, symlinkSync} from 'node:fs';
import {cp, mkdir} from 'node:fs/promises';
import {basename, dirname, isAbsolute, join} from 'node:path';
import {exec} from '../../src/kernel/exec.ts';
import {parseCopy, parseDockerfile} from '../support/dockerfile.ts';

const repository = join(import.meta.dirname, '../..');

/** What there is of a system besides Node; `setpriv` is what a container runtime does by itself. No nft, no ip, no cc. */
const tools = ['sh', 'env', 'setpriv'] as const;

/**
 * The image that the Dockerfile describes, as a folder: its last stage is carried out line by line. This machine's
 * own Node and C library stand for the base image, `npm ls` for the stage that asks the registry.
 */
export class Image {
	/** Its root. On the file system of the repository, so that files are linked and not copied. */
	readonly root = mkdtempSync(join(repository, 'node_modules/.cache-image-'));
	readonly environment: Record<string, string> = {PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'};
	entrypoint: readonly string[] = [];
	#folder = '/';

	static async build(): Promise<Image> {
		const image = new Image();
		await image.#addBase();
		const last = parseDockerfile(readFileSync(join(repository, 'Dockerfile'), 'utf8')).at(-1);
		for (const {verb, text} of last?.instructions ?? []) {
			await image.#carryOut(verb, text);
		}

		return image;
	}

	end(): void {
		rmSync(this.root, {recursive: true, force: true});
	}

	async #addBase(): Promise<void> {
		await Promise.all(['proc', 'sys', 'dev', 'run', 'tmp', 'var', 'etc'].map((name) => mkdir(join(this.root, name))));
		symlinkSync('/run', join(this.root, 'var/run')); // as in Debian
		await this.#addProgram(process.execPath, '/usr/local/bin/node');
		for (const tool of tools) {
			await this.#addProgram(`/usr/bin/${tool}`, `/usr/bin/${tool}`);
		}
	}

	/** A program and the libraries that it is linked with. */
	async #addProgram(from: string, to: string): Promise<void> {
		const {stdout} = await exec('ldd', [from]);
		const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
		await this.#link(from, to);
		await Promise.all(libraries.map(async (path) => await this.#link(path, path)));
	}

	async #carryOut(verb: string, text: string): Promise<void> {
		switch (verb) {
			case 'WORKDIR':
				this.#folder = text;
				return;
			case 'COPY':
				await this.#copy(text);
				return;
			case 'RUN':
				this.#run(text);
				return;
			case 'ENV': {
				const [name = '', value = ''] = text.split('=');
				this.environment[name] = value;
				return;
			}
			case 'ENTRYPOINT':
				this.entrypoint = JSON.parse(text);
				return;
			default: // ARG, LABEL, USER, CMD: nothing that a container of the manifests is started by
		}
	}

	async #copy(text: string): Promise<void> {
		const {from, sources, target} = parseCopy(text);
		const to = isAbsolute(target) ? target : join(this.#folder, target);
		if (from === 'packages') {
			const packages = await productionPackages();
			await Promise.all(
				packages.map(async (path) => await this.#link(join(repository, path), join(this.#folder, path))),
			);
			return;
		}

		const isFolder = target.endsWith('/') || sources.length > 1;
		for (const source of sources) {
			const path = from === undefined ? source : basename(source); // of the stage `native`: build
			await this.#link(join(repository, path), isFolder ? join(to, basename(source)) : to);
		}
	}

	/** Of all that a shell can do, `ln -s`. */
	#run(text: string): void {
		const [, to = '', path = ''] = /^ln -s (\S+) (\S+)$/.exec(text) ?? [];
		if (to === '') {
			throw new Error(`the Dockerfile runs what this test cannot: ${text}`);
		}

		symlinkSync(to, join(this.root, path));
	}

	/** Hard links where that is possible; nobody can write to them: a container's root is read-only. */
	async #link(from: string, to: string): Promise<void> {
		const target = join(this.root, to);
		await mkdir(dirname(target), {recursive: true});
		await exec('cp', ['--archive', '--dereference', '--link', '--no-target-directory', from, target]).catch(
			async () => await cp(from, target, {recursive: true, dereference: true, force: true}),
		);
	}
}

/** Paths of what `npm ci --omit=dev` leaves, such as `node_modules/pino`; nested ones are inside of these. */
async function productionPackages(): Promise<readonly string[]> {
	const {stdout} = await exec('npm', ['ls', '--omit=dev', '--all', '--parseable', '--prefix', repository]);
	const paths = stdout.trim().split('\n').slice(1);
	const own = paths.map((path) => path.slice(repository.length + 1));
	return own.filter((path) => path.lastIndexOf('node_modules/') === 0);
}
