import type {Protocol} from '../../src/net/port.ts';

/** Somewhere to connect to, or to ping, and, where it matters, the source address to bind before. */
export type Probe = {
	readonly protocol: Exclude<Protocol, 'SCTP'> | 'ping';
	readonly address: string;
	readonly port: number;
	readonly from?: string;
};

/**
 * What became of one probe. `answered`: by the server of that name, which saw the client under the address
 * `seen`. `echoed`: a ping came back. `dropped`: silence until the deadline. `failed`: anything else, with the system's error code.
 */
export type ProbeResult =
	| {readonly kind: 'answered'; readonly by: string; readonly seen: string}
	| {readonly kind: 'refused' | 'dropped' | 'unreachable' | 'echoed'}
	| {readonly kind: 'failed'; readonly code: string};

/** A TCP and a UDP server that answer with their name and the client's address, then echo. */
export type Serve = {readonly name: string; readonly ports: readonly number[]; readonly address?: string};

/** One connection of a load that did not do what it should, `atMs` after the load began. */
export type Failure = {readonly atMs: number; readonly target: string; readonly result: string};

/** Connections that stay open and send one message a `periodMs`, each of which must come back. */
export type Hold = {readonly targets: readonly Probe[]; readonly count: number; readonly periodMs: number};

export type HoldReport = {
	readonly open: number;
	readonly echoes: number;
	/** The longest wait for one echo so far. */
	readonly slowestMs: number;
	readonly lost: readonly Failure[];
	/** Server name → connections that it answered. */
	readonly by: Readonly<Record<string, number>>;
};

/** New connections at a steady rate, over the targets in turn. */
export type Rate = {readonly targets: readonly Probe[]; readonly perSecond: number};

/** What became of the connections that were begun since the last window was asked for. */
export type RateWindow = {
	readonly begun: number;
	/** `10.96.1.1:80/TCP a` → how many of them that server answered. */
	readonly by: Readonly<Record<string, number>>;
	readonly slowestMs: number;
	readonly failures: readonly Failure[];
};

/** One UDP socket that sends to `target` every `periodMs`, until it is closed. */
export type Stream = {readonly target: Probe; readonly periodMs: number};

/**
 * Answers in a row from one server, or `refused`, or `dropped`: the first came when so many datagrams had been sent
 * (`from`), the last when so many (`to`).
 */
export type AnswerRun = {readonly by: string; readonly from: number; readonly to: number};

export type StreamReport = {readonly sent: number; readonly runs: readonly AnswerRun[]};

/** Wait until a GET of `url` answers with `status`; asked again and again, for `deadlineMs` at most. */
export type Await = {readonly url: string; readonly status: number; readonly deadlineMs: number};

/** What an agent can be asked, and the answer to each. */
export type Requests = {
	/** Names with dots as sysctl(8) takes them; set for the agent's network namespace. */
	sysctl: {ask: Readonly<Record<string, string>>; answer: null};
	/** Lines for `ip -batch`, run in the agent's network namespace. */
	ip: {ask: readonly string[]; answer: null};
	serve: {ask: Serve; answer: null};
	/** Answers with the body; refuses when the deadline has passed. */
	await: {ask: Await; answer: string};
	/** All at once, results in the order of the probes. */
	probe: {ask: {readonly probes: readonly Probe[]; readonly deadlineMs: number}; answer: readonly ProbeResult[]};
	/** Answers once all connections are open. */
	hold: {ask: Hold; answer: HoldReport};
	held: {ask: null; answer: HoldReport};
	release: {ask: null; answer: HoldReport};
	rate: {ask: Rate; answer: null};
	/** Waits for those that were begun before the question, and opens a new window. */
	window: {ask: null; answer: RateWindow};
	stop: {ask: null; answer: RateWindow};
	/** Several may run, each to another target. */
	stream: {ask: Stream; answer: null};
	/** Answers as soon as the last answer is that of `by`, and came when more than `after` datagrams had been sent. */
	streamed: {ask: {readonly target: Probe; readonly by: string; readonly after?: number}; answer: StreamReport};
	unstream: {ask: Probe; answer: StreamReport};
};

export type Verb = keyof Requests;

/** One question and its answer as they cross the process boundary, matched by `id`. */
export type Question = {[V in Verb]: {readonly id: number; readonly verb: V; readonly ask: Requests[V]['ask']}}[Verb];
export type Reply = {readonly id: number; readonly answer: unknown} | {readonly id: number; readonly error: string};
