import {NetError} from '../errors.ts';

/**
 * What stands on the standard error when a command fails: what could not be done, why, what to do next and the code;
 * or the same as one line of JSON. A stack is printed for bugs of ours only: nobody can mend those without it.
 */
export function printFailure(caught: unknown, form: 'text' | 'json'): string {
	const causes = causesOf(caught);
	if (form === 'json') {
		return `${JSON.stringify({error: {...facts(caught), ...(causes.length > 0 && {causes})}})}\n`;
	}

	if (!(caught instanceof NetError)) {
		const text = caught instanceof Error ? (caught.stack ?? caught.message) : String(caught);
		return `fairlead: cannot go on: ${text}\n`;
	}

	const because = causes.map((cause) => `  because: ${cause}\n`).join('');
	return `fairlead: ${caught.message}\n${because}  hint: ${caught.hint}\n  code: ${caught.code}\n`;
}

function facts(caught: unknown): Readonly<Record<string, unknown>> {
	if (caught instanceof NetError) {
		const {code, message, hint, details} = caught;
		return {code, message, hint, details};
	}

	return {message: caught instanceof Error ? caught.message : String(caught)};
}

/** The messages of the causes, nearest first. */
function causesOf(caught: unknown): string[] {
	const found: string[] = [];
	for (let at = caught; at instanceof Error && at.cause !== undefined && found.length < 8; at = at.cause) {
		found.push(at.cause instanceof Error ? at.cause.message : String(at.cause));
	}

	return found;
}
