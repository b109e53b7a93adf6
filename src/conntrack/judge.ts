import type {Address} from '../net/address.ts';
import {printSocketAddress} from '../net/port.ts';
import type {Backend} from '../plan/frontend.ts';
import type {Flow} from './flow.ts';

/** Who may answer flows to a frontend, as `address:port`. Made once for many flows by {@link servingSet}. */
export type ServingSet = ReadonlySet<string>;

/** Whether a flow to a frontend may go on, and if not, why. */
export type Verdict = {readonly kind: 'live'} | {readonly kind: 'stale'; readonly because: string};

const live: Verdict = {kind: 'live'};

export function servingSet(backends: readonly Backend[]): ServingSet {
	return new Set(backends.map(({address, port}) => printSocketAddress(address, port)));
}

/**
 * Judges a flow to a frontend by who answers it. Stale is a UDP flow whose answers come from none that serves: its
 * packets go on to where the entry says, whatever the rules say. Never stale is one of TCP or SCTP, whose two ends
 * notice by themselves.
 *
 * @param serving of the frontend that the flow goes to
 */
export function judge({protocol, original, reply}: Flow, serving: ServingSet): Verdict {
	if (protocol !== 'UDP' || serving.has(printSocketAddress(reply.source, reply.sourcePort))) {
		return live;
	}

	if (isSame(original.destination, original.destinationPort, reply.source, reply.sourcePort)) {
		return {kind: 'stale', because: 'it began before there was a rule that translates it'};
	}

	const backend = printSocketAddress(reply.source, reply.sourcePort);
	return {kind: 'stale', because: serving.size === 0 ? 'no endpoint serves' : `${backend} does not serve`};
}

function isSame(address: Address, port: number, otherAddress: Address, otherPort: number): boolean {
	return address === otherAddress && port === otherPort;
}
