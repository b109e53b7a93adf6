import type {KubeJson} from './store.ts';

/** Whether an object is one that the selectors mean; only the forms that are used here are known. */
export type Selector = (object: KubeJson) => boolean;

/** @throws Error for a form of selector that the double does not know */
export function parseSelectors(labels: string, fields: string): Selector {
	const tests = [...split(labels).map(labelTest), ...split(fields).map(fieldTest)];
	return (object) => tests.every((test) => test(object));
}

function split(text: string): readonly string[] {
	return text.split(',').filter((each) => each !== '');
}

function labelTest(text: string): Selector {
	const match = /^(!?)([\w./-]+)$/.exec(text);
	if (match === null) {
		throw new Error(`the double knows no label selector "${text}"`);
	}

	const [, not, label = ''] = match;
	return ({metadata}) => Object.hasOwn(metadata.labels ?? {}, label) !== (not === '!');
}

function fieldTest(text: string): Selector {
	const match = /^([\w.]+?)(!?)=+([\w.-]*)$/.exec(text);
	if (match === null) {
		throw new Error(`the double knows no field selector "${text}"`);
	}

	const [, path = '', not, wanted] = match;
	return (object) => {
		const value = path
			.split('.')
			.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], object);
		return (String(value ?? '') === wanted) !== (not === '!');
	};
}
