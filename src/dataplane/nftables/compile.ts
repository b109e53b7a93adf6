import {type Frontend, printServicePort, type Target} from '../../plan/frontend.ts';
import {type Action, actions, balanceAction} from './actions.ts';
import {type Fragment, type LocatedSlot, slotsMax} from './ruleset.ts';

/**
 * What one frontend contributes to the table of its address's family. Slots are in the order of the backends;
 * {@link diff} moves them to where the kernel has them.
 */
export function compile(frontend: Frontend): Fragment {
	const {address, protocol, port, service, target, local, masquerade, sourceRanges} = frontend;
	const slots = slotsOf(target);
	const localSlots = slotsOf(local);
	const cluster = targetAction(target, 'cluster', slots);
	const looksUp = local !== undefined || sourceRanges !== undefined;
	return {
		address,
		protocol,
		port,
		owner: service,
		comment: commentOf(printServicePort(service)),
		action: looksUp ? lookupAction(local !== undefined, sourceRanges !== undefined) : cluster,
		clusterPolicy: looksUp ? cluster : undefined,
		localPolicy: local && targetAction(local, 'local', localSlots),
		external: masquerade === 'always' || (masquerade === 'offCluster' && frontend.kind !== 'clusterIP'),
		externalLocal: masquerade === 'node',
		clusterIp: frontend.kind === 'clusterIP',
		sourceRanges: sourceRanges ?? none,
		slots,
		localSlots,
	};
}

const none: readonly never[] = [];

/** Which of the chains in front of `cluster-policy` and `local-policy` a connection takes. */
function lookupAction(split: boolean, ranges: boolean): Action {
	if (ranges) {
		return split ? actions.rangesSplit : actions.ranges;
	}

	return actions.split;
}

function slotsOf(target: Target | undefined): readonly LocatedSlot[] {
	if (target?.kind !== 'backends') {
		return none;
	}

	// the plan's own list, not a copy: at 30,000 services with 10 backends each that is the larger part of our memory
	return target.backends.length > slotsMax ? target.backends.slice(0, slotsMax) : target.backends;
}

function targetAction(target: Target, list: 'cluster' | 'local', slots: readonly LocatedSlot[]): Action {
	switch (target.kind) {
		case 'backends':
			// an empty list would mean "modulo 0"; the planner says reject or drop instead
			return slots.length === 0 ? actions.drop : balanceAction(list, slots.length);
		case 'reject':
			return actions.refuse;
		case 'drop':
			return actions.drop;
	}
}

/** Bytes of a comment, its NUL not counted. Source: NFTNL_UDATA_COMMENT_MAXLEN 128 of libnftnl, include/libnftnl/udata.h */
const commentBytesMax = 127;

/** `text`, cut so that it fits a comment; never inside a character. */
function commentOf(text: string): string {
	if (text.length <= commentBytesMax / 3) {
		return text;
	}

	const bytes = new TextEncoder().encodeInto(text, new Uint8Array(commentBytesMax));
	return text.slice(0, bytes.read);
}
