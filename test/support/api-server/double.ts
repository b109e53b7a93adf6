import {EventEmitter, once} from 'node:events';
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import {createServer as createTlsServer, type ServerOptions} from 'node:https';
import type {AddressInfo, Socket} from 'node:net';
import {text} from 'node:stream/consumers';
import {Answers, respond} from './answers.ts';
import {noFaults} from './faults.ts';
import {findTarget} from './resources.ts';
import {type Status, statusOf} from './status.ts';
import {Store} from './store.ts';
import type {WatchStream} from './watch-stream.ts';

/** An API server in this process: list, watch and write of the four kinds, and every fault a test can think of. */
export class ApiServerDouble {
	readonly store = new Store();
	readonly faults = noFaults();
	/** Path and query of each request, in order. */
	readonly requests: string[] = [];
	/** Watches that are open. */
	readonly watches = new Set<WatchStream>();
	readonly #server: Server;
	readonly #sockets = new Set<Socket>();
	readonly #answers = new Answers(this.store, this.faults, (watch, response) => this.#open(watch, response));
	readonly #isTls: boolean;
	#address = '127.0.0.1';
	#port = 0;
	readonly #events = new EventEmitter();

	/** @param tls certificate and key, and the CA of clients; without, it speaks plain HTTP */
	constructor(tls?: ServerOptions) {
		const handle = (request: IncomingMessage, response: ServerResponse) => void this.#handle(request, response);
		this.#isTls = tls !== undefined;
		this.#server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
		this.#server.on(this.#isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
			this.#sockets.add(socket);
			socket.on('close', () => {
				this.#sockets.delete(socket);
				this.#events.emit('event');
			});
		});
	}

	get url(): string {
		return `${this.#isTls ? 'https' : 'http'}://${this.#address}:${this.#port}`;
	}

	/** How many connections are open. */
	get connections(): number {
		return this.#sockets.size;
	}

	/** Listens, on the same port as before if it did. @param address of this machine */
	async start(address = '127.0.0.1'): Promise<void> {
		this.#address = address;
		await new Promise<void>((resolve, reject) => {
			this.#server.once('error', reject);
			this.#server.listen(this.#port, address, resolve);
		});
		this.#port = (this.#server.address() as AddressInfo).port;
	}

	/** Breaks every connection, as what lies between may. */
	cutAll(): void {
		for (const socket of this.#sockets) {
			socket.destroy();
		}
	}

	/** As kill -9: every connection breaks, nobody listens. */
	async kill(): Promise<void> {
		const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
		this.cutAll();
		this.watches.clear();
		await closed;
	}

	/** Resolves at the next request whose path and query hold `match`. */
	async nextRequest(match: string): Promise<string> {
		const seen = this.requests.length;
		for (;;) {
			const found = this.requests.slice(seen).find((request) => request.includes(match));
			if (found !== undefined) {
				return found;
			}

			await this.#nextEvent();
		}
	}

	/** Resolves when each of these resources is watched. */
	async untilWatched(...plurals: readonly string[]): Promise<void> {
		const isWatched = (plural: string) => [...this.watches].some(({target}) => target.resource.plural === plural);
		while (!plurals.every(isWatched)) {
			await this.#nextEvent();
		}
	}

	/** Resolves when no connection is open. */
	async untilClosed(): Promise<void> {
		while (this.#sockets.size > 0) {
			await this.#nextEvent();
		}
	}

	/** The watch of a resource that is open. @throws Error when there is none */
	watchOf(plural: string): WatchStream {
		const watch = [...this.watches].findLast(({target}) => target.resource.plural === plural);
		if (watch === undefined) {
			throw new Error(`nobody watches ${plural}`);
		}

		return watch;
	}

	/** Resolves when a request or connection came or went. */
	async #nextEvent(): Promise<void> {
		await once(this.#events, 'event');
	}

	async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const url = new URL(request.url ?? '', 'http://double');
		this.requests.push(decodeURIComponent(request.url ?? ''));
		this.#events.emit('event');
		if (this.faults.isSilent) {
			return;
		}

		const refusal = this.#refusal(request, url);
		if (refusal !== undefined) {
			respond(response, refusal.status, 200, refusal.retryAfter);
			return;
		}

		const target = findTarget(url.pathname);
		const method = request.method ?? '';
		if (target === undefined || this.faults.absent.has(target.resource.plural)) {
			respond(response, statusOf(404, 'the server could not find the requested resource'));
		} else if (method !== 'GET') {
			this.#answers.write(target, method, await text(request), response);
		} else if (['1', 'true'].includes(url.searchParams.get('watch') ?? '')) {
			this.#answers.watch(target, url.searchParams, response);
		} else {
			this.#answers.read(target, url.searchParams, response);
		}
	}

	#refusal(request: IncomingMessage, url: URL): {readonly status: Status; readonly retryAfter?: string} | undefined {
		const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
		if (this.faults.tokens?.has(token) === false) {
			return {status: statusOf(401, 'Unauthorized')};
		}

		const fault = this.faults.refuse.find(({match, times}) => times > 0 && (request.url ?? '').includes(match));
		if (fault !== undefined) {
			fault.times--;
			return fault;
		}

		const plural = findTarget(url.pathname)?.resource.plural ?? '';
		return this.faults.forbidden.has(plural)
			? {status: statusOf(403, `${plural} is forbidden: User "fairlead" cannot list resource "${plural}"`)}
			: undefined;
	}

	#open(watch: WatchStream, response: ServerResponse): void {
		this.watches.add(watch);
		this.#events.emit('event');
		response.on('close', () => this.watches.delete(watch));
	}
}
