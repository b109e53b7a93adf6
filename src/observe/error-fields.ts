import {NetError} from '../errors.ts';

/** A cause of a cause of a cause: whoever wraps deeper than this loops. */
const maxCauses = 8;
const maxBytes = 64;

/**
 * What a log line says of anything that was caught: message, code, hint and details of a NetError; the code of a
 * system error; the stack of anything else, which is a bug of ours. Causes follow in order, the first cause last.
 */
export function describeError(caught: unknown): Readonly<Record<string, unknown>> {
	const causes = causesOf(caught);
	return {...fieldsOf(caught), ...(causes.length > 0 && {causes: causes.map(fieldsOf)})};
}

function causesOf(caught: unknown): unknown[] {
	const causes: unknown[] = [];
	for (let at = caught; at instanceof Error && at.cause !== undefined && causes.length < maxCauses; at = at.cause) {
		causes.push(at.cause);
	}

	return causes;
}

function fieldsOf(caught: unknown): Readonly<Record<string, unknown>> {
	if (caught instanceof NetError) {
		const {code, message, hint, details} = caught;
		return {code, message, hint, ...(Object.keys(details).length > 0 && {details: printable(details)})};
	}

	if (!(caught instanceof Error)) {
		return {message: String(caught)};
	}

	const code = 'code' in caught ? caught.code : undefined;
	return {message: caught.message, ...(code === undefined ? {stack: caught.stack} : {code})};
}

/** The details with what JSON prints badly made readable: bytes as hex, maps and sets as their contents, bigints as text. */
function printable(value: unknown, depth = 0): unknown {
	if (value instanceof Uint8Array) {
		const hex = Buffer.from(value.subarray(0, maxBytes)).toString('hex');
		return value.length > maxBytes ? `${hex}… (${value.length} bytes)` : hex;
	}

	if (typeof value === 'bigint' || value instanceof Error) {
		return String(value);
	}

	if (typeof value !== 'object' || value === null || depth > 5) {
		return value;
	}

	if (Array.isArray(value) || value instanceof Set) {
		return [...value].map((item) => printable(item, depth + 1));
	}

	const entries = value instanceof Map ? [...value] : Object.entries(value);
	return Object.fromEntries(entries.map(([key, item]) => [String(key), printable(item, depth + 1)]));
}
