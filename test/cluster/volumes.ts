import {mkdirSync, mkdtempSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';

/**
 * Writes the files of a ConfigMap or of a projected volume as kubelet does: into a folder of their own, which `..data`
 * then points to at once; the files themselves are links through it.
 * Source: k8s.io/kubernetes, pkg/volume/util/atomic_writer.go
 */
export function writeAtomically(folder: string, files: Readonly<Record<string, string>>): void {
	mkdirSync(folder, {recursive: true});
	const fresh = mkdtempSync(join(folder, '..fresh-'));
	for (const [name, content] of Object.entries(files)) {
		writeFileSync(join(fresh, name), content, {mode: 0o644});
	}

	const [data, part] = [join(folder, '..data'), join(folder, '..data_tmp')];
	const old = targetOf(data);
	symlinkSync(basename(fresh), part);
	renameSync(part, data);
	if (old === undefined) {
		Object.keys(files).map((name) => symlinkSync(`..data/${name}`, join(folder, name)));
	} else {
		rmSync(join(folder, old), {recursive: true});
	}
}

/** `DirectoryOrCreate`, below a folder that stands for the node's root. */
export function makeHostPath(root: string, path: string): string {
	const own = join(root, path);
	mkdirSync(dirname(own), {recursive: true});
	mkdirSync(own, {recursive: true, mode: 0o755});
	return own;
}

function targetOf(link: string): string | undefined {
	try {
		return readlinkSync(link);
	} catch {
		return undefined; // the first time
	}
}
