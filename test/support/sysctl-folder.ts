import {mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';

/** A setting that nobody may write, and its value. */
export const constantSysctl = {file: '/proc/sys/kernel/ngroups_max', value: 65_536};

/** A folder that stands in for /proc/sys, with settings of connection tracking. */
export class SysctlFolder {
	readonly root: string;
	readonly #folder: string;

	constructor(t: ExecutionContext, settings: Readonly<Record<string, number>>) {
		this.root = mkdtempSync(join(tmpdir(), 'fairlead-sysctl-'));
		t.teardown(() => rmSync(this.root, {recursive: true}));
		this.#folder = join(this.root, 'net/netfilter');
		mkdirSync(this.#folder, {recursive: true});
		for (const [name, value] of Object.entries(settings)) {
			this.put(name, value);
		}
	}

	put(name: string, value: number): void {
		writeFileSync(this.#file(name), `${value}\n`);
	}

	/** Makes it a setting that nobody may write. */
	putConstant(name: string): void {
		rmSync(this.#file(name), {force: true});
		symlinkSync(constantSysctl.file, this.#file(name));
	}

	read(name: string): number {
		return Number(readFileSync(this.#file(name), 'utf8'));
	}

	#file(name: string): string {
		return join(this.#folder, `nf_conntrack_${name}`);
	}
}
