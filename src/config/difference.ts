import type {Config} from './config.ts';
import {fieldInMode} from './kube-proxy-fields.ts';
import {ownField, type SettingName, settingEntries, settings} from './settings.ts';
import {type Spelled, spellConfig} from './spell.ts';

/** One setting that two configurations have otherwise, by its path in a file. */
export type Difference = {
	readonly field: string;
	readonly from: Spelled;
	readonly to: Spelled;
	/** Whether a running daemon can follow. */
	readonly live: boolean;
};

/** What `after` has otherwise than `before`, in order of the settings. */
export function differences(before: Config, after: Config): readonly Difference[] {
	const [from, to] = [spellConfig(before, ''), spellConfig(after, '')];
	return settingEntries.flatMap(([name, {field = ownField(name)}]) => {
		const path = name === 'proxyMode' ? field : fieldInMode(field, after.mode.asked);
		return JSON.stringify(from[name]) === JSON.stringify(to[name])
			? []
			: [{field: path, from: from[name], to: to[name], live: isLive(name, before, after)}];
	});
}

function isLive(name: SettingName, before: Config, after: Config): boolean {
	const {live = false} = settings[name];
	const [from, to]: readonly string[] = [before.mode.mode, after.mode.mode];
	return live || (name === 'proxyMode' && from === to); // the same mode in other words
}

/** `nftables.syncPeriod from "30s" to "10s"`. */
export function printDifference({field, from, to}: Difference): string {
	return `${field} from ${JSON.stringify(from)} to ${JSON.stringify(to)}`;
}
