import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {type PacketTable, parsePackets} from './packets.ts';

/**
 * A folder of `test/scenarios`: a cluster as `kubectl get -o yaml` prints it (`objects.yaml`), the flags of the
 * daemon (`flags.txt`, one a line), and what packets meet (`packets.txt`). `ruleset.nft` is what is sent to the kernel.
 */
export type Scenario = {
	readonly name: string;
	readonly objectsPath: string;
	readonly rulesetPath: string;
	/** Text of each flag by its name without dashes. */
	readonly flags: ReadonlyMap<string, string>;
	readonly tables: readonly PacketTable[];
};

export const scenarioFolder = join(import.meta.dirname, '../scenarios');

/** Every scenario, in order of name. */
export function readScenarios(): Scenario[] {
	const names = readdirSync(scenarioFolder).toSorted();
	return names.filter((name) => existsSync(join(scenarioFolder, name, 'packets.txt'))).map(readScenario);
}

function readScenario(name: string): Scenario {
	const path = (file: string) => join(scenarioFolder, name, file);
	return {
		name,
		objectsPath: path('objects.yaml'),
		rulesetPath: path('ruleset.nft'),
		flags: parseFlags(readFileSync(path('flags.txt'), 'utf8')),
		tables: parsePackets(readFileSync(path('packets.txt'), 'utf8')),
	};
}

function parseFlags(text: string): Map<string, string> {
	const lines = text.split('\n').filter((line) => line.startsWith('--'));
	return new Map(
		lines.map((line): [string, string] => {
			const [flag = '', ...value] = line.slice(2).split(' ');
			return [flag, value.join(' ')];
		}),
	);
}
