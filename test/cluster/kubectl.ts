import {join} from 'node:path';
import {type Executed, exec} from '../../src/kernel/exec.ts';
import type {Cluster} from './cluster.ts';

/** The folder that an operator names: `kubectl apply -k manifests/`. */
export const manifests = join(import.meta.dirname, '../../manifests');

/** `kubectl` as an administrator runs it. */
export class Kubectl {
	readonly #kubeconfig: string;

	constructor(cluster: Cluster) {
		this.#kubeconfig = cluster.writeAdminKubeconfig();
	}

	/** @throws NetError EXEC_FAILED, with what it said */
	async run(...args: readonly string[]): Promise<Executed> {
		const program = join(process.env['KUBEBUILDER_ASSETS'] ?? '', 'kubectl');
		return await exec(program, ['--kubeconfig', this.#kubeconfig, ...args]);
	}
}
