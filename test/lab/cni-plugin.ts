import {spawn} from 'node:child_process';
import {join} from 'node:path';

export const pluginBinary = join(import.meta.dirname, '../../build/fairlead-cni');

/** What a call of the plugin came to. */
export type Called = {
	readonly exitCode: number | null;
	/** The JSON on stdout; undefined when there was none. */
	// biome-ignore lint/suspicious/noExplicitAny: whatever a plugin prints
	readonly output: any;
	readonly stderr: string;
};

export type CniCall = {
	readonly verb: string;
	/** stdin; an object is written as JSON. */
	readonly config: object | string;
	readonly env?: Readonly<Record<string, string>>;
	readonly binary?: string;
};

/** Calls a CNI plugin as a runtime does: with these variables in its environment, and no other one. */
export async function callPlugin({verb, config, env = {}, binary = pluginBinary}: CniCall): Promise<Called> {
	const child = spawn(binary, {env: {CNI_COMMAND: verb, CNI_PATH: '/opt/cni/bin', ...env}});
	const said = {stdout: '', stderr: ''};
	for (const name of ['stdout', 'stderr'] as const) {
		child[name].setEncoding('utf8').on('data', (text: string) => {
			said[name] += text;
		});
	}

	child.stdin.on('error', () => undefined); // a plugin that refuses its environment does not read
	child.stdin.end(typeof config === 'string' ? config : JSON.stringify(config));
	const exitCode = await new Promise<number | null>((resolve, reject) => {
		child.on('close', resolve);
		child.on('error', reject);
	});
	return {exitCode, output: said.stdout === '' ? undefined : JSON.parse(said.stdout), stderr: said.stderr};
}
