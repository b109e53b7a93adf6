import {type Frontend, printServicePort, type ServicePortName, type Target} from '../../plan/frontend.ts';
import {type Action, actions, type Balance, balanceAction} from './actions.ts';
import type {BackendIds} from './backend-ids.ts';
import {type Fragment, type LocatedSlot, slotsMax, stickySlotsMax} from './ruleset.ts';

/**
 * What one frontend contributes to the table of its address's family. Slots are in the order of the backends;
 * {@link diff} moves them to where the kernel has them.
 *
 * @param ids asked what the backends are called, where clients keep theirs
 */
export function compile(frontend: Frontend, ids: Pick<BackendIds, 'assign'>): Fragment {
	const {address, protocol, port, service, target, local, masquerade, sourceRanges} = frontend;
	const timeoutSeconds = frontend.affinityTimeoutSeconds;
	const isSticky = timeoutSeconds !== undefined;
	const slots = slotsOf(target, isSticky);
	const localSlots = slotsOf(local, isSticky);
	const cluster = targetAction(target, {list: 'cluster', count: slots.length, timeoutSeconds});
	const looksUp = local !== undefined || sourceRanges !== undefined;
	return {
		address,
		protocol,
		port,
		owner: service,
		comment: commentOf(service),
		action: looksUp ? lookupAction(local !== undefined, sourceRanges !== undefined) : cluster,
		clusterPolicy: looksUp ? cluster : undefined,
		localPolicy: local && targetAction(local, {list: 'local', count: localSlots.length, timeoutSeconds}),
		external: frontend.kind !== 'clusterIP' && (masquerade === 'always' || masquerade === 'offCluster'),
		externalLocal: masquerade === 'node',
		clusterIp: frontend.kind === 'clusterIP',
		sourceRanges: sourceRanges ?? none,
		slots: isSticky ? none : slots,
		localSlots: isSticky ? none : localSlots,
		sticky: isSticky && slots.length > 0 ? ids.assign(service, slots) : undefined,
		stickyLocal: isSticky && localSlots.length > 0 ? ids.assign(service, localSlots) : undefined,
	};
}

/** Backends of one list that are served. */
export function backendsMax(isSticky: boolean): number {
	return isSticky ? stickySlotsMax : slotsMax;
}

const none: readonly never[] = [];

/** Which of the chains in front of `cluster-policy` and `local-policy` a connection takes. */
function lookupAction(split: boolean, ranges: boolean): Action {
	if (ranges) {
		return split ? actions.rangesSplit : actions.ranges;
	}

	return actions.split;
}

function slotsOf(target: Target | undefined, isSticky: boolean): readonly LocatedSlot[] {
	if (target?.kind !== 'backends') {
		return none;
	}

	// the plan's own list, not a copy: at 30,000 services with 10 backends each that is the larger part of our memory
	const most = backendsMax(isSticky);
	return target.backends.length > most ? target.backends.slice(0, most) : target.backends;
}

function targetAction(target: Target, balance: Balance): Action {
	switch (target.kind) {
		case 'backends':
			// an empty list would mean "modulo 0"; the planner says reject or drop instead
			return balance.count === 0 ? actions.drop : balanceAction(balance);
		case 'reject':
			return actions.refuse;
		case 'drop':
			return actions.drop;
	}
}

/** Bytes of a comment, its NUL not counted. Source: NFTNL_UDATA_COMMENT_MAXLEN 128 of libnftnl, include/libnftnl/udata.h */
const commentBytesMax = 127;

/** `namespace/name:port`, cut so that it fits a comment; never inside a character. */
export function commentOf(service: ServicePortName): string {
	const text = printServicePort(service);
	if (text.length <= commentBytesMax / 3) {
		return text;
	}

	const bytes = new TextEncoder().encodeInto(text, new Uint8Array(commentBytesMax));
	return text.slice(0, bytes.read);
}
