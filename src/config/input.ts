import type {SettingReader} from './setting-reader.ts';
import {settings} from './settings.ts';

/** Where the objects of the cluster come from. */
type Input = {
	readonly objects: string | undefined;
	readonly kubeconfig: string | undefined;
	readonly master: string | undefined;
};

/** Whether there is anything to read objects from. A Pod needs nothing: it has a service account. */
export function checkInput({objects, kubeconfig, master}: Input, {isInPod, problems}: SettingReader): void {
	if (objects === undefined && kubeconfig === undefined && master === undefined && !isInPod) {
		const wanted = 'a path, or --objects, or --master, because this process runs in no Pod';
		problems.push({setting: `--${settings.kubeconfig.flag}`, value: undefined, wanted});
	}
}

/** Sources that are passed by, and one that may not be there. */
export function inputDoubts(input: Input, reader: SettingReader): string[] {
	if (input.objects !== undefined) {
		const passedBy = (['kubeconfig', 'master'] as const).filter((name) => input[name] !== undefined);
		return passedBy.map((name) => `${reader.nameOf(name)} is not used: objects come from ${reader.nameOf('objects')}`);
	}

	return input.kubeconfig === undefined && input.master === undefined
		? [
				'the API server is reached at KUBERNETES_SERVICE_HOST, which works only while something else serves that address; where Fairlead is to serve it, name the API server itself by --master or --kubeconfig',
			]
		: [];
}
