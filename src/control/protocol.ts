import {type ErrorCode, errorHints, NetError} from '../errors.ts';
import {describeError} from '../observe/error-fields.ts';
import type {AddressRow, CniAnswer} from './cni.ts';
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
	/** One call of the CNI plugin: its environment as far as it is the specification's, and its stdin. */
	readonly cni: {
		readonly ask: {readonly env: Readonly<Record<string, string>>; readonly config: string};
		readonly part: never;
		readonly result: CniAnswer;
	};
	/** Every address of this node's pods that is not free. */
	readonly addresses: {readonly ask: object; readonly part: readonly AddressRow[]; readonly result: null};
	/** Frees an address whose pod is gone; with `force` whatever is seen of it. The row that it had. */
	readonly release: {
		readonly ask: {readonly address: string; readonly force: boolean};
		readonly part: never;
		readonly result: AddressRow;
	};
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
	readonly [V in Verb]?: (ask: Ask<V>, signal: AbortSignal) => AsyncGenerator<Part<V>, Result<V>, void>;
};

/** A handler that answers in one piece. */
export function inOnePiece<A, R>(answer: (ask: A) => Promise<R>): (ask: A) => AsyncGenerator<never, R, void> {
	// biome-ignore lint/correctness/useYield: it has no parts
	return async function* (ask) {
		return await answer(ask);
	};
}

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

	const ask = typeof verb === 'string' && Object.hasOwn(asks, verb) ? asks[verb as Verb] : undefined;
	if (ask === undefined) {
		const known = Object.keys(asks).join(', ');
		throw new NetError('CONTROL_INVALID', `do ${JSON.stringify(verb)}: the daemon knows ${known}`, {verb});
	}

	return {id, verb, ...ask(value)} as Request;
}

/** What each verb asks, read from a message. @throws NetError CONTROL_INVALID */
const asks: {readonly [V in Verb]: (value: unknown) => Ask<V>} = {
	status: (value) => ({watch: fieldOf(value, 'watch') === true}),
	cni: (value) => ({env: textsOf(value, 'env'), config: textOf(value, 'config')}),
	addresses: () => ({}),
	release: (value) => ({address: textOf(value, 'address'), force: fieldOf(value, 'force') === true}),
};

function textOf(value: unknown, name: string): string {
	const text = fieldOf(value, name);
	if (typeof text !== 'string') {
		throw new NetError('CONTROL_INVALID', `understand a request without \`${name}\` as a text`);
	}

	return text;
}

function textsOf(value: unknown, name: string): Readonly<Record<string, string>> {
	const field = fieldOf(value, name);
	const entries = Object.entries(asRecord(field));
	if (entries.some(([, text]) => typeof text !== 'string')) {
		throw new NetError('CONTROL_INVALID', `understand a request without \`${name}\` as texts by name`);
	}

	return Object.fromEntries(entries.map(([key, text]) => [key, String(text)]));
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
