import {type ErrorCode, errorHints, NetError} from '../errors.ts';
import {describeError} from '../observe/error-fields.ts';
import type {StatusPart} from './status.ts';

/** Raised whenever a program of one number could misread one of another: both ends compare it. */
const protocolVersion = 1;

/** The longest messages. */
export const requestBytesMax = 1024 * 1024;
export const answerBytesMax = 64 * 1024 * 1024;

/** What can be asked: what the question says, what comes piece by piece, and what ends the answer. */
type Verbs = {
	/** The parts of one status after another: with `watch` a new one at each change, until whoever asked hangs up. */
	readonly status: {readonly ask: {readonly watch: boolean}; readonly part: StatusPart; readonly result: null};
};

export type Verb = keyof Verbs;
export type Ask<V extends Verb> = Verbs[V]['ask'];
export type Part<V extends Verb> = Verbs[V]['part'];
export type Result<V extends Verb> = Verbs[V]['result'];

/** A question. `id` is the asker's own, and comes back with each piece of the answer. */
export type Request = {[V in Verb]: {readonly id: number; readonly verb: V} & Ask<V>}[Verb];

/** What the daemon says when it cannot: as `NetError` has it. */
type Refusal = {
	readonly code: string;
	readonly message: string;
	readonly hint: string;
	readonly details?: Readonly<Record<string, unknown>>;
};

/** A piece of an answer: `result` and `error` end it. */
export type Answer<V extends Verb> = {readonly id: number} & (
	| {readonly part: Part<V>}
	| {readonly result: Result<V>}
	| {readonly error: Refusal}
);

/** What the daemon hands in: yields parts, returns the result. It ends soon after the signal. */
export type Handlers = {
	readonly [V in Verb]: (ask: Ask<V>, signal: AbortSignal) => AsyncGenerator<Part<V>, Result<V>, void>;
};

/** The request as it is sent. */
export function encodeRequest<V extends Verb>(id: number, verb: V, ask: Ask<V>): object {
	return {id, protocol: protocolVersion, verb, ...ask};
}

/** The asker's id in anything that was sent as a request; 0 when it has none. */
export function requestId(value: unknown): number {
	const id = fieldOf(value, 'id');
	return typeof id === 'number' && Number.isSafeInteger(id) ? id : 0;
}

/**
 * The request that a message is.
 *
 * @throws NetError CONTROL_VERSION when the asker speaks another version of this language
 * @throws NetError CONTROL_INVALID when it is no request, or the verb is not known
 */
export function parseRequest(value: unknown): Request {
	const [id, protocol, verb] = [requestId(value), fieldOf(value, 'protocol'), fieldOf(value, 'verb')];
	if (typeof protocol === 'number' && protocol !== protocolVersion) {
		const details = {daemon: protocolVersion, client: protocol};
		throw new NetError('CONTROL_VERSION', `speak version ${protocol}, this daemon speaks ${protocolVersion}`, details);
	}

	if (protocol !== protocolVersion || id === 0) {
		throw new NetError('CONTROL_INVALID', 'understand a request without `id` and `protocol`');
	}

	if (verb !== 'status') {
		throw new NetError('CONTROL_INVALID', `do ${JSON.stringify(verb)}: the daemon knows status`, {verb});
	}

	return {id, verb, watch: fieldOf(value, 'watch') === true};
}

/** The answer to a request that failed, whatever was thrown. */
export function encodeError(id: number, error: NetError): object {
	const {code, hint, message} = error;
	const {details, causes} = describeError(error);
	return {id, error: {code, message, hint, details: {...asRecord(details), ...(causes !== undefined && {causes})}}};
}

/**
 * The piece of an answer that a message is. What is inside is trusted to be as its type says: both ends have the same
 * number of the language, or the daemon has refused.
 *
 * @throws NetError CONTROL_INVALID
 */
export function parseAnswer<V extends Verb>(value: unknown): Answer<V> {
	const kinds = ['part', 'result', 'error'].filter((kind) => fieldOf(value, kind) !== undefined);
	if (kinds.length !== 1 || typeof fieldOf(value, 'id') !== 'number') {
		throw new NetError('CONTROL_INVALID', 'understand an answer of the daemon');
	}

	return value as Answer<V>;
}

/** A refusal of the daemon as the error that it was there; a code that this version does not know is CONTROL_FAILED. */
export function refusedError(error: unknown): NetError {
	const text = (name: string) => String(fieldOf(error, name) ?? '');
	const [code, message] = [text('code'), text('message').replace(/^cannot /, '')];
	const details = asRecord(fieldOf(error, 'details'));
	return isKnown(code)
		? new NetError(code, message, details)
		: new NetError('CONTROL_FAILED', message, {code, ...details});
}

function isKnown(code: string): code is ErrorCode {
	return Object.hasOwn(errorHints, code);
}

function fieldOf(value: unknown, name: string): unknown {
	return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
		? Reflect.get(value, name)
		: undefined;
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
	return typeof value === 'object' && value !== null && !Array.isArray(value) ? {...value} : {};
}
