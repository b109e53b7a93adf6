import {parseDuration} from './duration.ts';
import type {FieldText} from './file.ts';
import {kubeProxyFields, settingOf, whyUnused} from './kube-proxy-fields.ts';
import type {SettingReader} from './setting-reader.ts';
import {settings} from './settings.ts';

/**
 * A sentence for each field of a file that means nothing here. None for a field that holds what kube-proxy has by
 * itself: such files are written by programs, and nobody asked for anything.
 */
export function unusedFields(fields: ReadonlyMap<string, FieldText>, reader: SettingReader): string[] {
	return [...fields].flatMap(([place, {text}]) => {
		const [kind, path] = [place.slice(0, place.indexOf('.')), place.slice(place.indexOf('.') + 1)];
		const row = kind === 'KubeProxyConfiguration' ? kubeProxyFields.get(path) : undefined; // ours has no other fields
		if (row === undefined || isSame(text, row.preset)) {
			return [];
		}

		const because = whyUnused(path) ?? whyPassedBy(path, place, text, reader);
		return because === undefined ? [] : [`${place} is not used: ${because}`];
	});
}

/** Of the fields that each mode has of its own, those of another mode; fine when they say the same. */
function whyPassedBy(path: string, place: string, text: string, reader: SettingReader): string | undefined {
	const name = settingOf(path);
	const inForce = name === undefined ? place : reader.fieldOf(name);
	if (name === undefined || inForce === place || isSame(text, reader.said(name)?.text ?? settings[name].default)) {
		return undefined;
	}

	return `with mode ${JSON.stringify(reader.said('proxyMode')?.text ?? '')} it is ${inForce} that counts`;
}

/** Whether two spellings say the same: 24h is 24h0m0s. */
export function isSame(one: string, other: string | undefined): boolean {
	const [a, b] = [parseDuration(one), parseDuration(other ?? '')];
	return one === other || (a !== undefined && a === b);
}
