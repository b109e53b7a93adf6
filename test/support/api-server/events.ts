import type {KubeJson} from './store.ts';

/** What an API server checks of an event. Source: k8s.io/kubernetes/pkg/apis/core/validation/events.go. */
const required = ['eventTime', 'action', 'reason', 'reportingController', 'reportingInstance'] as const;
const limits = {note: 1024, reportingInstance: 128} as const;

/** Why an event is not taken; undefined when it is. */
export function whatIsWrong(event: KubeJson, namespace: string | undefined): string | undefined {
	const missing = required.find((field) => typeof event[field] !== 'string');
	if (missing !== undefined) {
		return `${missing}: Required value`;
	}

	const long = (['note', 'reportingInstance'] as const).find((field) => sizeOf(event[field]) > limits[field]);
	if (long !== undefined) {
		return `${long}: Invalid value: can have at most ${limits[long]} characters`;
	}

	if (event['type'] !== 'Normal' && event['type'] !== 'Warning') {
		return 'type: Invalid value';
	}

	const regarding = event['regarding'] as {readonly namespace?: string} | undefined;
	const isOurs = (regarding?.namespace ?? 'default') === namespace;
	return isOurs ? undefined : 'involvedObject.namespace: Invalid value: does not match event.namespace';
}

function sizeOf(text: unknown): number {
	return Buffer.byteLength(String(text));
}
