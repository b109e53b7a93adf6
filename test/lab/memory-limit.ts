import {existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

/** Where this process stands among memory control groups, and what the limit's file is called there. Source: cgroups(7) */
function ownGroup(): {readonly path: string; readonly file: string} | undefined {
	const lines = readFileSync('/proc/self/cgroup', 'utf8').split('\n');
	const [, first] = lines.map((line) => /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/.exec(line)).find(Boolean) ?? [];
	const [, unified] = lines.map((line) => /^0::(.*)$/.exec(line)).find(Boolean) ?? [];
	const groups = [
		{path: join('/sys/fs/cgroup/memory', first ?? ''), file: 'memory.limit_in_bytes', there: first !== undefined},
		{path: join('/sys/fs/cgroup', unified ?? ''), file: 'memory.max', there: unified !== undefined},
	];
	return groups.find(({path, file, there}) => there && existsSync(join(path, file)));
}

/** A control group that bounds the memory of what is started in it. */
export class MemoryLimit {
	readonly #path: string;

	private constructor(path: string) {
		this.#path = path;
	}

	/** Undefined where this process may make no such group. */
	static create(bytes: number): MemoryLimit | undefined {
		const group = ownGroup();
		if (group === undefined) {
			return undefined;
		}

		const path = join(group.path, `fairlead-test-${process.pid}`);
		try {
			mkdirSync(path);
			writeFileSync(join(path, group.file), String(bytes));
			return new MemoryLimit(path);
		} catch {
			return undefined;
		}
	}

	/** Put before a command, it starts the command in the group. */
	get command(): readonly string[] {
		return ['/bin/sh', '-c', `echo $$ >${this.#path}/cgroup.procs && exec "$@"`, 'sh'];
	}

	/** To be called when what was started in it has ended. */
	end(): void {
		rmdirSync(this.#path);
	}
}
