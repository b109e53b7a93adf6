import type {NotWhole, Served} from '../control/status.ts';
import type {Dataplane, Refusal, Takes} from '../dataplane/dataplane.ts';
import {type Because, type Frontend, type FrontendKind, printServicePort} from '../plan/frontend.ts';
import type {Plan, Unserved} from '../plan/plan.ts';
import type {HealthCheckProblem} from './health-checks.ts';

/** Some 20 µs of looking: asking the clock after each would take as long as the look. */
const frontendsPerStep = 64;

/** One walk over a plan: how much is in force, and what of it is not as written, and why. */
export class Survey {
	/** Frontends by kind. */
	readonly frontends = new Map<FrontendKind, {-readonly [K in keyof Served]: number}>();
	/** Of cluster IPs. */
	endpoints = 0;
	/** In no order. */
	readonly notWhole: NotWhole[] = [];
	readonly #steps: Iterator<void>;

	constructor(plan: Plan, dataplane: Pick<Dataplane, 'takes'>) {
		this.#steps = this.#walk(plan, dataplane);
	}

	/** Looks at some; whether more are left. */
	step(): boolean {
		return this.#steps.next().done !== true;
	}

	*#walk(plan: Plan, dataplane: Pick<Dataplane, 'takes'>): Generator<void, void, void> {
		for (const rows of plan.unserved.values()) {
			this.notWhole.push(...unservedRows(rows));
			yield;
		}

		let looked = 0;
		for (const frontend of plan.frontends.values()) {
			this.#count(frontend, dataplane.takes(frontend));
			looked++;
			if (looked % frontendsPerStep === 0) {
				yield;
			}
		}
	}

	#count(frontend: Frontend, takes: Takes): void {
		const {kind, target} = frontend;
		const served = this.frontends.get(kind) ?? {whole: 0, partly: 0, notAtAll: 0};
		served[takes.kind === 'no' ? 'notAtAll' : takes.kind]++;
		this.frontends.set(kind, served);
		this.endpoints += kind === 'clusterIP' && target.kind === 'backends' ? target.backends.length : 0;
		this.notWhole.push(...missingRows(frontend, takes));
	}
}

/** What the planner left out of a Service. */
export function unservedRows(rows: readonly Unserved[]): NotWhole[] {
	return rows.map(({service, key, because}) => ({
		service: printServicePort(service),
		what: key ?? 'a part of it',
		because: printBecause(because),
	}));
}

/** What the dataplane does not do of a frontend. */
export function missingRows({service, key}: Frontend, takes: Takes): NotWhole[] {
	switch (takes.kind) {
		case 'whole':
			return [];
		case 'partly': {
			const name = printServicePort(service);
			return takes.missing.map((what) => ({service: name, what: key, because: `this version does not do ${what}`}));
		}
		case 'no':
			return [{service: printServicePort(service), what: key, because: takes.because}];
	}
}

/** What the kernel did not take of a Service. */
export function refusedRow(service: string, {error}: Refusal): NotWhole {
	return {service, what: 'its last change', because: `the kernel refused it: ${error.message} (${error.code})`};
}

/** What load balancers cannot ask of a Service. */
export function unansweredRow({service, port, error}: HealthCheckProblem): NotWhole {
	return {service, what: `health-check node port ${port}`, because: `${error.message} (${error.code})`};
}

function printBecause({object, field, decided}: Because): string {
	return `${object}, ${field}: ${decided}`;
}
