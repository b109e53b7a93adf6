import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {exec} from '../../src/kernel/exec.ts';
import type {Host} from '../../test/lab/host.ts';

const program = join(import.meta.dirname, '../../build/connect');

/** Where a connection starts and where it goes. */
export type Target = {readonly from: Host; readonly source: string; readonly address: string; readonly port: number};

type Transport = 'TCP' | 'UDP';

/** What is timed, from the call of connect(2) on: a TCP handshake, and the first byte that comes back. */
export const moments = ['TCP established', 'TCP first byte', 'UDP first datagram'] as const;
export type Moment = (typeof moments)[number];

/** Where all connections end: a port of a pod, on any of its addresses. */
export type Server = {readonly host: Host; readonly port: number};

/** How many connections a target gets: `block` one after the other, then the next target's turn, `passes` times. */
export type Burst = {readonly passes: number; readonly block: number; readonly firstPort: number};

/** Builds the prober, `connect.c`. */
export async function buildProber(): Promise<void> {
	mkdirSync(join(program, '..'), {recursive: true});
	const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE'];
	await exec('cc', [...flags, join(import.meta.dirname, 'connect.c'), '-o', program]);
}

/** Microseconds of each connection to each target, in the order of the targets. */
export async function measure(
	server: Server,
	targets: readonly Target[],
	{passes, block, firstPort}: Burst,
): Promise<Readonly<Record<Moment, readonly number[]>>[]> {
	const ask = async (protocol: Transport) => {
		const numbers = [passes, block, firstPort].map(String);
		const words = ['measure', protocol, printServer(server), ...numbers, ...targets.map(printTarget)];
		const {stdout} = await exec(program, words);
		return parseLines(stdout);
	};
	const [tcp, udp] = [await ask('TCP'), await ask('UDP')];
	return targets.map((_, index) => ({
		'TCP established': tcp.get(`established ${index}`) ?? [],
		'TCP first byte': tcp.get(`answered ${index}`) ?? [],
		'UDP first datagram': udp.get(`answered ${index}`) ?? [],
	}));
}

/** Sends `messages` there and back over one socket: 16,384 bytes each over TCP, 512 over UDP. */
export async function stream(protocol: Transport, server: Server, target: Target, messages: number): Promise<void> {
	await exec(program, ['stream', protocol, printServer(server), String(messages), printTarget(target)]);
}

function printServer({host, port}: Server): string {
	return [host.netns, port].join(',');
}

function printTarget({from, source, address, port}: Target): string {
	return [from.netns, source, address, port].join(',');
}

function parseLines(text: string): Map<string, number[]> {
	return new Map(
		text
			.trim()
			.split('\n')
			.map((line) => {
				const [moment, index, ...nanoseconds] = line.split(' ');
				return [`${moment} ${index}`, nanoseconds.map((value) => Number(value) / 1000)];
			}),
	);
}
