/** What is wrong with one setting: who said it, what stood there, what is wanted. */
export type ConfigProblem = {readonly setting: string; readonly value: unknown; readonly wanted: string};

/** Longer values are cut: a whole document in a line of log helps nobody. */
const longestValue = 200;

/** `--flag "value" (wanted: …)`. */
export function printProblem({setting, value, wanted}: ConfigProblem): string {
	const said = value === undefined ? '' : ` ${JSON.stringify(value)}`;
	const shown = said.length > longestValue ? `${said.slice(0, longestValue)}…` : said;
	return `${setting}${shown} (wanted: ${wanted})`;
}
