import type {NetError} from '../errors.ts';
import type {Address} from '../net/address.ts';
import type {Logger} from '../observe/log.ts';
import type {HealthCheck, Plan} from '../plan/plan.ts';
import {type Clock, inTurns} from './clock.ts';
import type {Commit, Follower} from './follower.ts';
import {type HealthCheckParts, HealthCheckPort} from './health-check-port.ts';

type Parts = {
	readonly healthy: () => boolean;
	readonly log: Logger;
	readonly clock: Clock;
	readonly retryCeilingMs: () => number;
	/** Called at each attempt to listen that failed. */
	readonly bindFailed: () => void;
	/** Called when an address cannot be listened on that could before, or that is new. */
	readonly unanswered: (problem: HealthCheckProblem) => void;
	/** Called when {@link HealthChecks.problems} says something else by itself, not by a commit. */
	readonly changed: () => void;
};

/** A Service whose health nobody can ask for on one address. */
export type HealthCheckProblem = {readonly service: string; readonly port: number; readonly error: NetError};

/** Answers load balancers on the health-check ports of the plan that is in force. */
export class HealthChecks implements Follower {
	readonly #ports = new Map<number, HealthCheckPort>();
	readonly #parts: HealthCheckParts;
	/** What the last commit said of ports that do not follow it yet. */
	#pending: HealthCheck[] = [];
	#addresses: readonly Address[] = [];
	#following = false;

	constructor({log, bindFailed, unanswered, changed, ...rest}: Parts) {
		this.#parts = {
			...rest,
			refused: (check, error, again) => {
				bindFailed();
				if (!again) {
					changed();
					unanswered({service: serviceOf(check), port: check.port, error});
					log.error('load balancers cannot ask for the health of a Service', {service: serviceOf(check), error});
				}
			},
			mended: (check, address) => {
				changed();
				log.info('load balancers can ask for the health of a Service again', {service: serviceOf(check), address});
			},
		};
	}

	/** A commit that touched no health check costs nothing here. */
	committed({plan, change}: Pick<Commit, 'plan' | 'change'>): void {
		if (change === undefined || change.healthChecks) {
			this.#follow(plan);
		}
	}

	/** How many ports shall be answered. */
	get count(): number {
		return this.#ports.size;
	}

	/** What cannot be answered at the moment, and why. */
	get problems(): readonly HealthCheckProblem[] {
		return [...this.#ports.values()].flatMap(({check, problems}) =>
			problems.map((error) => ({service: serviceOf(check), port: check.port, error})),
		);
	}

	/** Frees all ports. */
	close(): void {
		for (const port of this.#ports.values()) {
			port.close();
		}

		this.#ports.clear();
		this.#pending = [];
	}

	/** What goes is closed before anything opens: a port may go from one Service to another. */
	#follow({healthChecks, healthCheckAddresses}: Plan): void {
		for (const [number, port] of this.#ports) {
			const wanted = healthChecks.get(number);
			if (wanted === undefined || serviceOf(wanted) !== serviceOf(port.check)) {
				port.close();
				this.#ports.delete(number);
			}
		}

		this.#addresses = healthCheckAddresses;
		this.#pending = [...healthChecks.values()].filter((check) => {
			return this.#ports.get(check.port)?.follows(check, healthCheckAddresses) !== true;
		});
		void this.#open(); // never rejects
	}

	/** A few at once; a thousand ports take turns with everything else. */
	async #open(): Promise<void> {
		if (!this.#following) {
			this.#following = true;
			await inTurns(this.#parts.clock, () => this.#openNext());
			this.#following = false;
		}
	}

	/** Whether more is left. */
	#openNext(): boolean {
		const check = this.#pending.pop();
		if (check === undefined) {
			return false;
		}

		const port = this.#ports.get(check.port) ?? new HealthCheckPort(check, this.#parts);
		this.#ports.set(check.port, port);
		port.follow(check, this.#addresses);
		return true;
	}
}

function serviceOf({namespace, name}: HealthCheck): string {
	return `${namespace}/${name}`;
}
