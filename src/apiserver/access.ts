import {statSync} from 'node:fs';
import {Agent as HttpAgent} from 'node:http';
import {Agent as HttpsAgent, type RequestOptions} from 'node:https';
import {NetError} from '../errors.ts';
import {type ConfigOptions, openLogin} from './kubeconfig.ts';
import type {Login} from './login.ts';

/** Everything that a request needs but its path. */
export type Credentials = {
	/** URL without a slash at its end. */
	readonly server: string;
	/** Headers, agent and basic authentication. */
	readonly options: RequestOptions;
	/** What they are from. */
	readonly login: Login;
};

/** What an agent's connections were made with. */
type Identity = Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;

/** Long enough before a load balancer forgets a connection that says nothing. Milliseconds; as client-go. */
const keepAliveMs = 30_000;

/**
 * How to reach the API server and who we are to it. Files are looked at again for each request: a kubeconfig, a CA, a
 * certificate or a token that changed counts from the next one on.
 */
export class Access {
	readonly #options: ConfigOptions;
	#login: Promise<Login> | undefined;
	/** Device, size and times of the kubeconfig when it was read. */
	#stamp = '';
	#agent: {readonly agent: HttpAgent; readonly identity: Identity} | undefined;

	#last: Promise<unknown> = Promise.resolve();

	constructor(options: ConfigOptions) {
		this.#options = options;
	}

	/** @throws NetError API_CONFIG when they cannot be had: a file is missing or wrong, an exec plugin fails */
	credentials(): Promise<Credentials> {
		// One after the other: the library would run a plugin once for each of those who ask at the same time.
		const credentials = this.#last.then(() => this.#read());
		this.#last = credentials.catch(() => undefined); // whoever asked hears of it
		return credentials;
	}

	/** The API server did not accept these: the next ones are read, or asked for, anew, whatever their age. */
	async reject({login}: Credentials): Promise<void> {
		if ((await this.#login?.catch(() => undefined)) === login) {
			this.#login = undefined; // several requests may be refused for the same ones
		}
	}

	/** Ends all connections. */
	close(): void {
		this.#agent?.agent.destroy();
	}

	async #read(): Promise<Credentials> {
		try {
			const login = await this.#load();
			const options = await login.options();
			const {headers, auth} = options;
			const agent = this.#agentFor(login, options);
			return {server: login.server, options: {headers: trimmed(headers), agent, ...(auth && {auth})}, login};
		} catch (cause) {
			throw this.#failure(cause);
		}
	}

	#load(): Promise<Login> {
		const stamp = stampOf(this.#options.kubeconfig);
		if (this.#login === undefined || stamp !== this.#stamp) {
			const opening = openLogin(this.#options);
			this.#login = opening;
			this.#stamp = stamp;
			opening.catch(() => {
				this.#login = this.#login === opening ? undefined : this.#login;
			});
		}

		return this.#login;
	}

	/**
	 * One agent for as long as CA, certificate and key are the same, so that connections are used again. That of the
	 * library keeps them for ever, whatever becomes of the files; it is used only for proxies.
	 */
	#agentFor({server, isProxied}: Login, options: RequestOptions): HttpAgent {
		if (isProxied && options.agent instanceof HttpAgent) {
			return options.agent;
		}

		const identity = identityOf(options);
		if (this.#agent !== undefined && isSameIdentity(this.#agent.identity, identity)) {
			return this.#agent.agent;
		}

		retire(this.#agent?.agent);
		const settings = {...identity, keepAlive: true, keepAliveMsecs: keepAliveMs};
		const agent = server.startsWith('http:') ? new HttpAgent(settings) : new HttpsAgent(settings);
		this.#agent = {agent, identity};
		return agent;
	}

	#failure(cause: unknown): NetError {
		const {kubeconfig} = this.#options;
		const reason = cause instanceof Error ? cause.message.trim() : String(cause);
		const where = kubeconfig === undefined ? 'the service account of this Pod' : `kubeconfig "${kubeconfig}"`;
		return new NetError('API_CONFIG', `use ${where}: ${reason}`, {kubeconfig}, cause);
	}
}

function stampOf(file: string | undefined): string {
	const stats = file === undefined ? undefined : statSync(file);
	return stats === undefined ? '' : [stats.dev, stats.ino, stats.size, stats.mtimeMs].join(' ');
}

/** A token file that a person wrote ends with a line break, and no header may. */
function trimmed(headers: RequestOptions['headers']): Record<string, string> {
	return Object.fromEntries(Object.entries({...headers}).map(([name, value]) => [name, String(value).trim()]));
}

/** Fields that are absent must not be there at all: they would switch off Node's own. */
function identityOf({ca, cert, key, rejectUnauthorized, servername}: RequestOptions): Identity {
	return {
		...(ca !== undefined && {ca}),
		...(cert !== undefined && {cert}),
		...(key !== undefined && {key}),
		...(rejectUnauthorized !== undefined && {rejectUnauthorized}),
		...(servername !== undefined && {servername}),
	};
}

function isSameIdentity(a: Identity, b: Identity): boolean {
	return printIdentity(a) === printIdentity(b);
}

/** As text: certificates are bytes or PEM, whichever way they came. */
function printIdentity(identity: Identity): string {
	return JSON.stringify(Object.entries(identity).map(([name, value]) => [name, String(value)]));
}

/** Requests that are under way end as they would; no other one uses its connections. */
function retire(agent: HttpAgent | undefined): void {
	if (agent === undefined) {
		return;
	}

	agent.maxFreeSockets = 0;
	for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) {
		socket.destroy();
	}
}
