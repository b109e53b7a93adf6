import {addresses} from './addresses.ts';
import {
	type Cell,
	type Client,
	clients,
	nameOf,
	type Packet,
	type PacketTable,
	packetsOf,
	printSurprise,
} from './packets.ts';
import type {Probe, ProbeResult} from './requests.ts';
import type {Lab} from './topology.ts';

/** Long enough for an answer on a busy machine, short enough that one SYN is all a drop costs. */
const deadlineMs = 350;
/** What was expected and did not come gets this long once more before it is believed. */
const patientMs = 2500;
/** A set of n backends is seen in full within this many tries but for one run in a billion (n = 2). */
const mostTries = 32;
/** Of each address of a table: where two backends took turns, a client of three addresses would not see it once in 2,000 runs. */
const keptTries = 4;

/**
 * Where the lab's clients get something else than the tables say, a line each: real connections. SCTP is left out,
 * because not every kernel has its sockets.
 */
export async function askLab(lab: Lab, tables: readonly PacketTable[]): Promise<string[]> {
	const asked = tables.flatMap(askedOf);
	await runRounds(lab, asked);
	return [
		...asked.filter((one) => !isMet(one)).map(({packet, seen}) => printSurprise(packet, [...seen.keys()].join(', '))),
		...waverers(asked),
	];
}

/** A packet that is sent until its expectation is met in full or broken. */
type Asked = {
	readonly packet: Packet;
	/** Whose connections one server is to answer: those of a client to a table, in one family and protocol. */
	readonly keeper: string;
	readonly seen: Map<string, ProbeResult>;
	tries: number;
};

function askedOf(table: PacketTable, index: number): Asked[] {
	return packetsOf(table)
		.filter(({protocol}) => protocol !== 'SCTP')
		.map((packet) => {
			const {client, protocol, address} = packet;
			const keeper = `${client} to table ${index + 1}, ${address.includes(':') ? 'IPv6' : 'IPv4'} ${protocol}`;
			return {packet, keeper, seen: new Map(), tries: 0};
		});
}

/** Clients that should have kept their server, and had more than one. */
function waverers(asked: readonly Asked[]): string[] {
	const byKeeper = Map.groupBy(asked.filter(isKept), ({keeper}) => keeper);
	return [...byKeeper].flatMap(([keeper, group]) => {
		const results = group.flatMap(({seen}) => [...seen.values()]);
		const servers = new Set(results.flatMap((result) => (result.kind === 'answered' ? [result.by] : [])));
		return servers.size > 1 ? [`${keeper}: answered by ${[...servers].join(' and ')}; not by one`] : [];
	});
}

function isKept({packet: {expected}}: Asked): boolean {
	return expected.kind === 'answered' && expected.kept === true;
}

async function runRounds(lab: Lab, asked: readonly Asked[]): Promise<void> {
	let open = asked;
	for (let round = 0; open.length > 0; round++) {
		const tries = open.flatMap((one) => Array.from({length: triesOf(one, round)}, () => one));
		await sendAll(lab, tries, deadlineMs);
		const silent = open.filter((one) => one.packet.expected.kind !== 'dropped' && forgetSilence(one));
		await sendAll(lab, silent, patientMs);
		open = open.filter((one) => one.tries < mostTries && isIncomplete(one));
	}
}

/** One probe settles one possible outcome; a choice among backends is looked at four times a round. */
function triesOf({packet: {expected}}: Asked, round: number): number {
	return expected.kind === 'answered' && expected.answers.length > 1 ? 4 : round === 0 ? 1 : 2;
}

/** Whether some expected backend has not answered yet, or one that is kept has not often enough, and nothing unexpected has. */
function isIncomplete(one: Asked): boolean {
	const {expected} = one.packet;
	const unexpected = [...one.seen.values()].some((result) => !isExpected(expected, result));
	if (unexpected || expected.kind !== 'answered') {
		return false;
	}

	return isKept(one) ? one.tries < keptTries : one.seen.size < expected.answers.length;
}

function isExpected(expected: Cell, result: ProbeResult): boolean {
	return expected.kind === 'answered' && result.kind === 'answered'
		? expected.answers.some(({by, seen}) => by === result.by && seen === nameOf(result.seen))
		: result.kind === expected.kind;
}

/** Takes back an unexpected silence: on a busy machine an answer may come after the short deadline. */
function forgetSilence({seen}: Asked): boolean {
	return seen.delete('dropped');
}

async function sendAll(lab: Lab, asked: readonly Asked[], deadlineMs: number): Promise<void> {
	const byHost = Map.groupBy(asked, ({packet}) => clients[packet.client].host);
	await Promise.all(
		[...byHost].map(async ([name, group]) => {
			const results = await lab.hosts[name].ask('probe', {
				probes: group.map(({packet}) => probeOf(packet)),
				deadlineMs,
			});
			for (const [index, result] of results.entries()) {
				const one = group[index];
				one?.seen.set(printResult(result), result);
				if (one) {
					one.tries++;
				}
			}
		}),
	);
}

function probeOf({client, address, port, protocol}: Packet): Probe {
	const {bind}: Client = clients[client];
	const from = bind === undefined ? undefined : addresses[bind][address.includes(':') ? 1 : 0];
	return {protocol: protocol === 'SCTP' ? 'TCP' : protocol, address, port, ...(from === undefined ? {} : {from})};
}

/** A probe's result in the words of a packet table. */
function printResult(result: ProbeResult): string {
	switch (result.kind) {
		case 'answered':
			return `${result.by} sees ${nameOf(result.seen)}`;
		case 'failed':
			return result.code;
		case 'refused':
		case 'dropped':
		case 'unreachable':
		case 'echoed':
			return result.kind;
	}
}

function isMet(one: Asked): boolean {
	const {expected} = one.packet;
	const all = [...one.seen.values()];
	const enough = all.length === (expected.kind === 'answered' && !isKept(one) ? expected.answers.length : 1);
	return enough && all.every((result) => isExpected(expected, result));
}
