import type {Outcome, Refusal} from '../dataplane/dataplane.ts';
import type {Logger} from '../observe/log.ts';
import {printsPod} from '../plan/frontend.ts';
import type {Plan} from '../plan/plan.ts';
import type {Commit, Follower} from './follower.ts';
import {burst, type Mended} from './mender.ts';

/**
 * Says what the reconciler does, a line a commit.
 *
 * @param services how many Services are known that this proxy serves
 */
export function logFollower(log: Logger, services: () => number): Follower {
	return {
		committed: (commit) => reportCommit(log, commit, services()),
		mended: (mended) => reportMended(log, mended),
		failed: ({error, retryInMs}) =>
			log.error('a commit failed; everything is compared and sent again', {error, retryInMs: Math.round(retryInMs)}),
	};
}

/** The first says at `info` what is in force now. */
function reportCommit(log: Logger, commit: Commit, services: number): void {
	const {plan, change, first, outcome, startedAt, endedAt} = commit;
	const {operations, refused} = outcome;
	reportRebuilt(log, outcome);
	const cost = {operations, refused: refused.length, ms: Math.round((endedAt - startedAt) * 100) / 100};
	if (first) {
		log.info('everything known is in force', {
			services,
			endpoints: countEndpoints(plan),
			frontends: plan.frontends.size,
			...cost,
		});
	} else if (change === undefined) {
		log.debug('full sync', cost);
	} else {
		log.debug('commit', {frontends: change.touched.size, ...cost});
	}
}

/** Who did what, and what it took. Where one goes on and on, a line whenever it was twice as often as at the last. */
function reportMended(log: Logger, {edit, edits, inARow, outcome, startedAt, endedAt}: Mended): void {
	reportRebuilt(log, outcome);
	const {by, what} = edit;
	const {operations} = outcome;
	const isNews = by !== undefined || operations > 0; // else somebody may have changed what is not ours
	const isLine = inARow <= burst || Number.isInteger(Math.log2(inARow));
	log[isNews && isLine ? 'warn' : 'debug']('another process changed our rules; mended', {
		...by,
		what,
		...(edits > 1 && {changes: edits}),
		...(inARow > 1 && {inARow}),
		operations,
		ms: Math.round((endedAt - startedAt) * 100) / 100,
	});
}

function reportRebuilt(log: Logger, {rebuilt = []}: Outcome): void {
	for (const table of rebuilt) {
		log.warn('a table of our name could not be used as it was, and was made anew', {table});
	}
}

function countEndpoints(plan: Plan): number {
	let endpoints = 0;
	for (const {kind, target} of plan.frontends.values()) {
		endpoints += kind === 'clusterIP' && target.kind === 'backends' ? target.backends.length : 0;
	}

	return endpoints;
}

/** Says what is newly refused, or for another reason than before, and what is no longer. */
export function reportRefusals(
	log: Logger,
	before: ReadonlyMap<string, Refusal>,
	after: ReadonlyMap<string, Refusal>,
): void {
	for (const [service, {error}] of after) {
		if (before.get(service)?.error.message !== error.message) {
			const what = printsPod(service) ? 'a host port of a pod' : 'a Service';
			log.error(`the kernel refused ${what}; it stays as it was, others go on`, {service, error});
		}
	}

	for (const service of before.keys()) {
		if (!after.has(service)) {
			log.info(`${printsPod(service) ? 'a host port' : 'a Service'} that was refused is in force`, {service});
		}
	}
}
