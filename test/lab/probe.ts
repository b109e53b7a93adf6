import {createSocket, type Socket as UdpSocket} from 'node:dgram';
import {connect, type Socket as TcpSocket} from 'node:net';
import {ping} from './ping.ts';
import type {Probe, ProbeResult} from './requests.ts';

/** Sends one connection (TCP), datagram (UDP) or ping and tells what came back within `deadlineMs`. Never rejects. */
export async function probe(target: Probe, deadlineMs: number): Promise<ProbeResult> {
	switch (target.protocol) {
		case 'TCP':
			return await probeTcp(target, deadlineMs);
		case 'UDP':
			return await probeUdp(target, deadlineMs);
		case 'ping':
			return await ping(target, deadlineMs);
	}
}

/** The server's greeting, `NAME SOURCE-ADDRESS\n`, as a result. */
export function readGreeting(text: string): ProbeResult {
	const [by, seen] = text.trim().split(' ');
	return by === undefined || seen === undefined ? {kind: 'failed', code: 'GREETING'} : {kind: 'answered', by, seen};
}

/** What an error of a socket means for the one who connects. */
export function readError(error: unknown): ProbeResult {
	const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
	switch (code) {
		case 'ECONNREFUSED':
			return {kind: 'refused'};
		case 'EHOSTUNREACH':
		case 'ENETUNREACH':
			return {kind: 'unreachable'};
		default:
			return {kind: 'failed', code};
	}
}

/** One kernel SYN at most when the deadline is under a second: the first retransmit comes after one (TCP_TIMEOUT_INIT). */
async function probeTcp(target: Probe, deadlineMs: number): Promise<ProbeResult> {
	return await new Promise((resolve) => {
		const socket = connectTcp(target);
		const end = (result: ProbeResult) => {
			clearTimeout(timer);
			reset(socket);
			resolve(result);
		};
		const timer = setTimeout(() => afterArrivals(() => end({kind: 'dropped'})), deadlineMs);
		socket.once('data', (data: string) => end(readGreeting(data)));
		socket.on('error', (error) => end(readError(error)));
		socket.once('close', () => end({kind: 'failed', code: 'CLOSED'}));
	});
}

/** A reset leaves no TIME_WAIT behind, here or in conntrack; Node sends none before it is connected, but more SYNs. */
function reset(socket: TcpSocket): void {
	if (socket.connecting) {
		socket.destroy();
	} else {
		socket.resetAndDestroy();
	}
}

/**
 * Calls back once everything that has arrived is told. A process that was kept from running finds the deadline
 * passed and the answer there, and Node looks at timers first; a TCP answer takes two turns, connect and data.
 */
export function afterArrivals(callback: () => void): void {
	setImmediate(() => setImmediate(() => setImmediate(callback)));
}

export function connectTcp({address, port, from}: Probe): TcpSocket {
	const socket = connect({host: address, port, noDelay: true, ...(from === undefined ? {} : {localAddress: from})});
	return socket.setEncoding('utf8');
}

async function probeUdp(target: Probe, deadlineMs: number): Promise<ProbeResult> {
	const socket = createSocket(target.address.includes(':') ? 'udp6' : 'udp4');
	return await new Promise((resolve) => {
		const timers: NodeJS.Timeout[] = [];
		let ended = false;
		const end = (result: ProbeResult) => {
			if (!ended) {
				ended = true;
				timers.map(clearTimeout);
				socket.close();
				resolve(result);
			}
		};
		// EPERM: this very host did not let it out; whether it was dropped or refused is told by what follows
		const send = () => !ended && socket.send('?', (error) => error && !isDenied(error) && end(readError(error)));
		socket.on('message', (data) => end(readGreeting(data.toString())));
		socket.on('error', (error) => end(readError(error)));
		const giveUp = () => afterArrivals(() => end({kind: 'dropped'}));
		timers.push(setTimeout(giveUp, deadlineMs), setTimeout(send, deadlineMs / 2));
		bindUdp(socket, target, () => socket.connect(target.port, target.address, send));
	});
}

function isDenied(error: Error): boolean {
	return 'code' in error && error.code === 'EPERM';
}

let nextPort = 20_000 + Math.floor(Math.random() * 20_000);

/**
 * Binds to a source port that this agent has not used for 40,000 probes: conntrack would take a probe from a
 * port used moments ago for a packet of the old flow, and that probe would tell nothing about the rules.
 */
function bindUdp(socket: UdpSocket, target: Probe, then: () => void): void {
	nextPort = nextPort >= 60_000 ? 20_000 : nextPort + 1;
	socket.bind({port: nextPort, exclusive: true, ...(target.from === undefined ? {} : {address: target.from})}, then);
}
