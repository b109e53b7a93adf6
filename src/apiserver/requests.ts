import {type ClientRequest, request as httpRequest, type IncomingMessage} from 'node:http';
import {request as httpsRequest} from 'node:https';
import {NetError} from '../errors.ts';
import type {Access, Credentials} from './access.ts';
import type {Clock} from './clock.ts';
import {type Refusal, readRefusal} from './refusal.ts';

/** An answer: its bytes as they come, or a no. */
export type Answer =
	/** The stream throws NetError API_UNREACHABLE when it is cut, or silent for too long. */
	| {readonly kind: 'body'; readonly chunks: AsyncIterable<Uint8Array>}
	| {readonly kind: 'refused'; readonly refusal: Refusal};

/** What a request carries. */
type Body = {readonly type: string; readonly text: string};

type Asked = {readonly method: string; readonly path: string; readonly body: Body | undefined};

/** The API server gives up a request after 60 s by itself and says so; one that is silent for longer is not there. */
export const answerMs = 65_000;

/** Of an answer that is a refusal, no more is read. Bytes. */
const maxRefusalBytes = 64 * 1024;

/** Requests to the API server. */
export class Requests {
	readonly #access: Access;
	readonly #clock: Clock;

	constructor(access: Access, clock: Clock) {
		this.#access = access;
		this.#clock = clock;
	}

	/**
	 * The answer to a GET of `path`, once its headers are there. Credentials that were not accepted are not used again.
	 *
	 * @param silenceMs how long the answer's body may say nothing, asked whenever it begins to
	 * @throws NetError API_CONFIG, or API_UNREACHABLE when there is no answer
	 */
	async get(path: string, silenceMs: () => number, signal: AbortSignal): Promise<Answer> {
		const {response, credentials} = await this.#ask({method: 'GET', path, body: undefined}, signal);
		return response.statusCode === 200
			? {kind: 'body', chunks: read(response, credentials.server, silenceMs, this.#clock)}
			: {kind: 'refused', refusal: await this.#refusal(response, credentials)};
	}

	/**
	 * Why the API server did not take what `body` says; undefined when it took it.
	 *
	 * @throws NetError as {@link get}; whether it was taken is not known then
	 */
	async write(method: 'POST' | 'PATCH', path: string, body: Body, signal: AbortSignal): Promise<Refusal | undefined> {
		const {response, credentials} = await this.#ask({method, path, body}, signal);
		const {statusCode = 0} = response;
		if (statusCode < 200 || statusCode > 299) {
			return await this.#refusal(response, credentials);
		}

		await readStart(read(response, credentials.server, () => answerMs, this.#clock)); // else it keeps its connection
		return undefined;
	}

	async #refusal(response: IncomingMessage, credentials: Credentials): Promise<Refusal> {
		const {statusCode: code = 0, headers} = response;
		const body = await readStart(read(response, credentials.server, () => answerMs, this.#clock));
		if (code === 401) {
			await this.#access.reject(credentials);
		}

		return readRefusal(code, headers['retry-after'], body);
	}

	/** The answer, once its headers are there. */
	async #ask(
		asked: Asked,
		signal: AbortSignal,
	): Promise<{readonly response: IncomingMessage; readonly credentials: Credentials}> {
		const credentials = await this.#access.credentials();
		return {response: await this.#send(credentials, asked, signal), credentials};
	}

	async #send(
		{server, options}: Credentials,
		{method, path, body}: Asked,
		signal: AbortSignal,
	): Promise<IncomingMessage> {
		signal.throwIfAborted();
		const send = server.startsWith('http:') ? httpRequest : httpsRequest;
		const type = body && {'content-type': body.type};
		const headers = {...options.headers, accept: 'application/json', 'user-agent': 'fairlead', ...type};
		const {promise, resolve, reject} = Promise.withResolvers<IncomingMessage>();
		const request = send(`${server}${path}`, {...options, method, headers}, (response) => {
			forget();
			destroyOnAbort(response, signal);
			resolve(response);
		});
		const forget = destroyOnAbort(request, signal);
		request.on('error', (cause) => reject(signal.aborted ? signal.reason : unreachable(server, cause)));
		const cancel = this.#clock.after(answerMs, () => request.destroy(silent(answerMs)));
		try {
			request.end(body?.text);
			return await promise;
		} finally {
			cancel();
		}
	}
}

/**
 * Ends a request, or an answer, with the signal. Not by the request's option `signal`: once the answer is there, that
 * breaks its socket while the answer may still come to its end, and then nobody hears the socket's error, which ends
 * the process (Node 24.21).
 */
function destroyOnAbort(stream: ClientRequest | IncomingMessage, signal: AbortSignal): () => void {
	const destroy = () => stream.destroy(new Error('it was called off'));
	const forget = () => signal.removeEventListener('abort', destroy);
	signal.addEventListener('abort', destroy);
	stream.once('close', forget);
	return forget;
}

async function* read(
	response: IncomingMessage,
	server: string,
	silenceMs: () => number,
	clock: Clock,
): AsyncGenerator<Uint8Array> {
	const watchdog = () => {
		const limitMs = silenceMs();
		return clock.after(limitMs, () => response.destroy(silent(limitMs)));
	};
	let cancel = watchdog();
	try {
		for await (const chunk of response as AsyncIterable<Uint8Array>) {
			cancel(); // only while we wait for the API server, not while it waits for us
			yield chunk;
			cancel = watchdog();
		}
	} catch (cause) {
		throw unreachable(server, cause);
	} finally {
		cancel();
	}
}

async function readStart(chunks: AsyncIterable<Uint8Array>): Promise<string> {
	const parts: Uint8Array[] = [];
	let length = 0;
	for await (const chunk of chunks) {
		parts.push(chunk);
		length += chunk.length;
		if (length >= maxRefusalBytes) {
			break;
		}
	}

	return Buffer.concat(parts).toString('utf8', 0, maxRefusalBytes);
}

function silent(limitMs: number): Error {
	return new Error(`it said nothing for ${Math.round(limitMs / 1000)} s`);
}

function unreachable(server: string, cause: unknown): NetError {
	const {code, message} = cause as {readonly code?: string; readonly message?: string};
	return new NetError('API_UNREACHABLE', `reach the API server ${server}: ${code ?? message}`, {server}, cause);
}
