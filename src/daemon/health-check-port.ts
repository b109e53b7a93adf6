import {NetError} from '../errors.ts';
import type {Address, Family} from '../net/address.ts';
import {familyOf} from '../net/address.ts';
import {printSocketAddress} from '../net/port.ts';
import {jsonType, listenHttp, type Reply} from '../observe/http.ts';
import type {HealthCheck} from '../plan/plan.ts';
import {Backoff} from './backoff.ts';
import type {Clock} from './clock.ts';

export type HealthCheckParts = {
	/** Whether changes reach the kernel in time: what a Service's health hangs on too. */
	readonly healthy: () => boolean;
	readonly clock: Clock;
	/** The longest wait before an address that could not be listened on is tried again. */
	readonly retryCeilingMs: () => number;
	/** Called at each attempt to listen that failed; `again` says that the one before it did too. */
	readonly refused: (check: HealthCheck, error: NetError, again: boolean) => void;
	/** Called when an address that could not be listened on is. */
	readonly mended: (check: HealthCheck, address: string) => void;
};

type Listener = {readonly close: () => void; problem: NetError | undefined; readonly retry: () => void};

/** The health-check port of one Service, on one or more addresses of this node. Each family answers for itself. */
export class HealthCheckPort {
	readonly #parts: HealthCheckParts;
	readonly #listeners = new Map<Address, Listener>();
	#check: HealthCheck;
	#addresses: readonly Address[] = [];

	constructor(check: HealthCheck, parts: HealthCheckParts) {
		this.#check = check;
		this.#parts = parts;
	}

	/** The Service, and how many endpoints it has, as last told. */
	get check(): HealthCheck {
		return this.#check;
	}

	/** Why it does not answer on one of its addresses; empty when it does on all. */
	get problems(): readonly NetError[] {
		return [...this.#listeners.values()].flatMap(({problem}) => problem ?? []);
	}

	/** Whether there is nothing new in these for it. */
	follows(check: HealthCheck, addresses: readonly Address[]): boolean {
		return check === this.#check && addresses === this.#addresses;
	}

	/** Answers with what `check` says from now on, on these of the addresses that are of a family of the Service. */
	follow(check: HealthCheck, addresses: readonly Address[]): void {
		const touched = check !== this.#check;
		this.#check = check;
		this.#addresses = addresses;
		const wanted = new Set(addresses.filter((address) => check.localEndpoints[familyOf(address)] !== undefined));
		for (const [address, listener] of this.#listeners) {
			if (!wanted.has(address)) {
				listener.close();
				this.#listeners.delete(address);
			}
		}

		for (const address of wanted) {
			const known = this.#listeners.get(address);
			if (known === undefined) {
				this.#listeners.set(address, this.#listen(address));
			} else if (touched && known.problem !== undefined) {
				known.retry();
			}
		}
	}

	/** Frees the port at once, and ends what is connected to it. */
	close(): void {
		for (const {close} of this.#listeners.values()) {
			close();
		}

		this.#listeners.clear();
	}

	#listen(address: Address): Listener {
		const {clock, retryCeilingMs, refused, mended} = this.#parts;
		const backoff = new Backoff(clock, retryCeilingMs);
		const bind = {address, port: this.#check.port};
		const at = printSocketAddress(address, bind.port);
		let stop = () => {};
		const tryAgain = () => {
			stop();
			stop = listenHttp({
				bind,
				ipv6Only: true, // IPv4 is answered by a listener of its own, which counts other endpoints
				answer: () => healthCheckReply(this.#check, familyOf(address), this.#parts.healthy()),
				bound: () => {
					if (listener.problem !== undefined) {
						listener.problem = undefined;
						backoff.reset();
						mended(this.#check, at);
					}
				},
				refused: (cause) => {
					stop();
					const again = listener.problem !== undefined;
					listener.problem = new NetError('HEALTH_CHECK_BIND', `answer health checks on ${at}`, {address: at}, cause);
					stop = clock.after(backoff.next(), tryAgain);
					refused(this.#check, listener.problem, again);
				},
			});
		};
		const listener: Listener = {close: () => stop(), problem: undefined, retry: tryAgain};
		tryAgain();
		return listener;
	}
}

/**
 * 200 while the Service has endpoints here and the daemon is healthy, with the count as a weight for load balancers.
 * Any path, any method. Byte for byte what kube-proxy answers, tabs included.
 * Source: kube-proxy 1.36, pkg/proxy/healthcheck/service_health.go, hcHandler.
 */
export function healthCheckReply(check: HealthCheck, family: Family, healthy: boolean): Reply {
	const count = check.localEndpoints[family] ?? 0;
	const body = {
		service: {namespace: check.namespace, name: check.name},
		localEndpoints: count,
		serviceProxyHealthy: healthy,
	};
	return {
		status: count > 0 && healthy ? 200 : 503,
		contentType: jsonType,
		headers: {'X-Load-Balancing-Endpoint-Weight': String(count)},
		body: JSON.stringify(body, undefined, '\t'),
	};
}
