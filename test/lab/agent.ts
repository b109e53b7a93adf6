/**
 * A process that lives in one network namespace of the lab and does there what its parent asks. The namespace,
 * with all its links, rules and sockets, goes when the process does, and the process goes with its parent.
 */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {writeFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {HeldConnections, SteadyRate} from './load.ts';
import {probe} from './probe.ts';
import type {Await, Question, Reply} from './requests.ts';
import {serve} from './server.ts';
import {streamName, UdpStream} from './stream.ts';

let held: HeldConnections | undefined;
let rate: SteadyRate | undefined;
const streams = new Map<string, UdpStream>();

async function answer(question: Question): Promise<unknown> {
	switch (question.verb) {
		case 'sysctl':
			return setSysctls(question.ask);
		case 'ip':
			return await runIp(question.ask);
		case 'serve':
			return await serve(question.ask);
		case 'await':
			return await awaitHttp(question.ask);
		case 'probe':
			return await Promise.all(question.ask.probes.map((target) => probe(target, question.ask.deadlineMs)));
		case 'hold':
			held = await HeldConnections.open(question.ask);
			return held.report();
		case 'held':
			return held?.report();
		case 'release':
			return held?.release();
		case 'rate':
			rate = new SteadyRate(question.ask);
			return null;
		case 'window':
			return await rate?.window();
		case 'stop':
			return await rate?.stop();
		case 'stream':
			streams.set(streamName(question.ask.target), new UdpStream(question.ask));
			return null;
		case 'streamed':
			return await streams.get(streamName(question.ask.target))?.until(question.ask, 10_000);
		case 'unstream':
			return streams.get(streamName(question.ask))?.close();
	}
}

/** /proc/sys/net shows the namespace of the one who opens it. */
function setSysctls(values: Readonly<Record<string, string>>): null {
	for (const [name, value] of Object.entries(values)) {
		writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, value);
	}

	return null;
}

async function runIp(lines: readonly string[]): Promise<null> {
	const child = spawn('/usr/sbin/ip', ['-batch', '-'], {stdio: ['pipe', 'ignore', 'pipe']});
	let complaint = '';
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		complaint += text;
	});
	child.stdin.end(`${lines.join('\n')}\n`);
	const [code] = await once(child, 'close');
	if (code !== 0) {
		throw new Error(`ip -batch: ${complaint}`);
	}

	return null;
}

async function awaitHttp({url, status, deadlineMs}: Await): Promise<string> {
	const deadline = performance.now() + deadlineMs;
	for (;;) {
		const response = await fetch(url, {signal: AbortSignal.timeout(deadlineMs)}).catch(() => undefined);
		const body = await response?.text();
		if (response?.status === status && body !== undefined) {
			return body;
		}

		if (performance.now() > deadline) {
			throw new Error(`${url} was not ${status} within ${deadlineMs} ms, but ${response?.status}: ${body}`);
		}

		await sleep(2);
	}
}

function send(reply: Reply): void {
	process.send?.(reply);
}

process.on('disconnect', () => process.exit());
process.on('message', (question: Question) => {
	answer(question).then(
		(value) => send({id: question.id, answer: value ?? null}),
		(error: unknown) =>
			send({id: question.id, error: error instanceof Error ? (error.stack ?? error.message) : String(error)}),
	);
});
send({id: 0, answer: 'ready'});
