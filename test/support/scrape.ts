/**
 * The samples of a text in Prometheus' format (which reads numbers as Go does: `Nan` too), as `name{label="value"}` → number.
 *
 * @throws TypeError when a line is none
 */
export function readSamples(text: string): ReadonlyMap<string, number> {
	const samples = new Map<string, number>();
	for (const line of text.split('\n')) {
		if (line !== '' && !line.startsWith('#')) {
			const [, name = '', value] = /^([a-zA-Z_:][\w:]*(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? [];
			if (value === undefined || (Number.isNaN(Number(value)) && !/^(?:nan|[+-]inf)$/i.test(value))) {
				throw new TypeError(`no sample: ${line}`);
			}

			samples.set(name, Number(value));
		}
	}

	return samples;
}
