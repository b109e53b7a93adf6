import {Option} from 'commander';

/** How a command shows its result: a table for people, the rest for programs. */
export type Form = 'table' | 'json' | 'yaml';

/** The flag of commands whose result is data. */
export function outputOption(): Option {
	const forms: readonly Form[] = ['table', 'json', 'yaml'];
	return new Option('-o, --output <form>', 'a table for people; json or yaml, which hold everything, for programs')
		.choices(forms)
		.default('table');
}

/** `value` as a program reads it: both forms say the same, and a field that is undefined is left out. */
export async function printData(value: unknown, form: 'json' | 'yaml'): Promise<string> {
	const json = JSON.stringify(value, undefined, '\t');
	if (form === 'json') {
		return `${json}\n`;
	}

	const {dump} = await import('js-yaml');
	return dump(JSON.parse(json), {lineWidth: -1});
}
