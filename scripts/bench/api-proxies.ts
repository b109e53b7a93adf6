import {type ChildProcess, spawn} from 'node:child_process';
import {EventEmitter, once} from 'node:events';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {clusterCidr, nodeName} from './cluster.ts';

/** A program that serves Services, how it is started, and the line in which it says that all is in force. */
export type ProxyKind = {
	readonly name: string;
	readonly command: (kubeconfig: string, state: string) => readonly string[];
	readonly isInForce: RegExp;
	readonly cleanup: readonly string[];
};

const program = join(import.meta.dirname, '../../src/cli/fairlead.js');
const ownFlags = ['--hostname-override', nodeName, '--cluster-cidr', clusterCidr];

export const fairlead: ProxyKind = {
	name: 'fairlead',
	command: (kubeconfig, state) => [
		...[process.execPath, program, 'run', ...ownFlags, '--proxy-mode', 'nftables'],
		...['--kubeconfig', kubeconfig, '--state-dir', state],
	],
	isInForce: /everything known is in force/,
	cleanup: [process.execPath, program, 'cleanup'],
};

/** The sysctls of connection tracking are the host's: they are left alone. */
export function kubeProxy(path: string): ProxyKind {
	return {
		name: 'kube-proxy',
		command: (kubeconfig) => [
			...[path, ...ownFlags, '--proxy-mode=nftables', '--kubeconfig', kubeconfig, '-v=2'],
			...[
				'--conntrack-max-per-core=0',
				'--conntrack-tcp-timeout-established=0',
				'--conntrack-tcp-timeout-close-wait=0',
			],
		],
		isInForce: /SyncProxyRules complete/,
		cleanup: [path, '--cleanup'],
	};
}

/** One of them at work in this process's namespace. */
export class RunningProxy {
	readonly #child: ChildProcess;
	readonly #lines = new EventEmitter();
	#log = '';

	constructor(kind: ProxyKind, kubeconfig: string, state: string, environment: NodeJS.ProcessEnv = {}) {
		const command = kind.command(kubeconfig, state);
		this.#child = spawn('setpriv', ['--pdeathsig', 'SIGKILL', ...command], {
			stdio: ['ignore', 'ignore', 'pipe'],
			env: {...process.env, ...environment, PATH: withoutModules(process.env['PATH'] ?? '')},
		});
		this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
			this.#log += text;
			this.#lines.emit('said');
		});
	}

	/** Resolves once it has said this. @throws Error with the end of its log when it ends instead */
	async said(what: RegExp): Promise<void> {
		const ended = once(this.#child, 'exit').then(() => {
			throw new Error(`the proxy ended:\n${this.#log.slice(-3000)}`);
		});
		ended.catch(() => undefined); // a kill, later
		while (!what.test(this.#log)) {
			await Promise.race([once(this.#lines, 'said'), ended]);
		}
	}

	/** Resident memory now (VmRSS), or the most there ever was (VmHWM). MiB. */
	memoryMb(which: 'VmRSS' | 'VmHWM'): number {
		const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
		return Number(new RegExp(`${which}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
	}

	async kill(): Promise<void> {
		if (this.#child.exitCode === null && this.#child.signalCode === null) {
			const gone = once(this.#child, 'exit');
			this.#child.kill('SIGKILL');
			await gone;
		}
	}
}

/** Under npm another `nft` is on PATH. */
function withoutModules(path: string): string {
	return [...path.split(':').filter((folder) => !folder.includes('node_modules')), '/usr/sbin', '/sbin'].join(':');
}
