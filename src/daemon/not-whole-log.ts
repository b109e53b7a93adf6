import type {NotWhole} from '../control/status.ts';
import type {Dataplane} from '../dataplane/dataplane.ts';
import {isSame} from '../model/same.ts';
import type {Logger} from '../observe/log.ts';
import {type FrontendKey, printsPod} from '../plan/frontend.ts';
import type {Plan, PlanChange} from '../plan/plan.ts';
import {type Clock, inTurns} from './clock.ts';
import type {Commit, Follower} from './follower.ts';
import {missingRows, unservedRows} from './not-whole.ts';

type Said = Map<string, readonly NotWhole[]>;

/** Lines that one commit may write: ten thousand would hide everything else. */
const linesMax = 20;

/**
 * Says of each Service and host port that is not served as written what is missing and why: once when it comes to be so, and once
 * for another reason, whatever else is committed meanwhile. At the start one line counts them.
 */
export class NotWholeLog implements Follower {
	readonly #log: Logger;
	readonly #dataplane: Pick<Dataplane, 'takes'>;
	readonly #clock: Clock;
	readonly #onNews: (news: readonly NotWhole[]) => void;
	/** What was said of what the planner left out, by Service. */
	readonly #leftOut: Said = new Map();
	/** What was said of what the dataplane does not do, by frontend. */
	readonly #missing: Said = new Map();
	/** Ends when what was said before is compared with a whole plan. */
	#comparing: Promise<void> = Promise.resolve();

	/** @param onNews called with what was not said before, at the start with all of it; not empty */
	constructor(
		log: Logger,
		dataplane: Pick<Dataplane, 'takes'>,
		clock: Clock,
		onNews: (news: readonly NotWhole[]) => void = () => undefined,
	) {
		[this.#log, this.#dataplane, this.#clock, this.#onNews] = [log, dataplane, clock, onNews];
	}

	committed({plan, change, first}: Commit): void {
		if (change === undefined) {
			this.#comparing = this.#comparing.then(async () => await this.#compare(plan, first));
		} else {
			this.#tell(this.#follow(plan, change));
		}
	}

	/** Resolves when all that was committed has been said. */
	async settled(): Promise<void> {
		await this.#comparing;
	}

	#follow(plan: Plan, {touched, unserved}: PlanChange): NotWhole[] {
		const services = [...unserved].flatMap((name) => this.#newsOfService(plan, name));
		return [...services, ...[...touched].flatMap((key) => this.#newsOfFrontend(plan, key))];
	}

	/** In turns: a plan of 30,000 Services takes longer than one may. What changes meanwhile is told by its own commit. */
	async #compare(plan: Plan, first: boolean): Promise<void> {
		const news: NotWhole[] = [];
		const steps = this.#comparison(plan, news);
		await inTurns(this.#clock, () => steps.next().done !== true);
		if (!first) {
			this.#tell(news);
		} else if (news.length > 0) {
			this.#onNews(news);
			const services = new Set(news.map(({service}) => service.replace(/:.*/, ''))).size;
			this.#log.warn('some Services are not served as written; `fairlead status` says which and why', {services});
		}
	}

	*#comparison(plan: Plan, news: NotWhole[]): Generator<void, void, void> {
		for (const name of new Set([...this.#leftOut.keys(), ...plan.unserved.keys()])) {
			news.push(...this.#newsOfService(plan, name));
			yield;
		}

		for (const keys of [this.#missing.keys(), plan.frontends.keys()]) {
			for (const key of keys) {
				news.push(...this.#newsOfFrontend(plan, key));
				yield;
			}
		}
	}

	#newsOfService(plan: Plan, name: string): readonly NotWhole[] {
		return newsOf(this.#leftOut, name, unservedRows(plan.unserved.get(name) ?? none));
	}

	#newsOfFrontend(plan: Plan, key: FrontendKey): readonly NotWhole[] {
		const frontend = plan.frontends.get(key);
		const rows = frontend === undefined ? none : missingRows(frontend, this.#dataplane.takes(frontend));
		return newsOf(this.#missing, key, rows);
	}

	#tell(news: readonly NotWhole[]): void {
		if (news.length > 0) {
			this.#onNews(news);
		}

		for (const row of news.slice(0, linesMax)) {
			this.#log.info(`${printsPod(row.service) ? 'a host port of a pod' : 'a Service'} is not served as written`, row);
		}

		if (news.length > linesMax) {
			const more = news.length - linesMax;
			this.#log.info('more Services are not served as written; `fairlead status` says which and why', {more});
		}
	}
}

/** What is not as it was said last; from now on it counts as said. */
function newsOf(said: Said, key: string, rows: readonly NotWhole[]): readonly NotWhole[] {
	const before = said.get(key) ?? none;
	if (rows.length === 0) {
		said.delete(key);
		return none;
	}

	said.set(key, rows);
	return isSame(before, rows) ? none : rows;
}

const none: readonly never[] = [];
