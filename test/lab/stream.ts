import {createSocket, type Socket} from 'node:dgram';
import {setTimeout as sleep} from 'node:timers/promises';
import {printSocketAddress} from '../../src/net/port.ts';
import {readGreeting} from './probe.ts';
import type {AnswerRun, Probe, Stream, StreamReport} from './requests.ts';

/** So many datagrams in a row without an answer, and the stream counts as dropped. */
const silence = 30;

/** One UDP socket that sends a datagram every few milliseconds, as long-lived clients do: all of it is one flow. */
export class UdpStream {
	readonly #socket: Socket;
	readonly #runs: {-readonly [K in keyof AnswerRun]: AnswerRun[K]}[] = [];
	#sent = 0;

	constructor({target, periodMs}: Stream) {
		this.#socket = createSocket(target.address.includes(':') ? 'udp6' : 'udp4');
		this.#socket.on('message', (data) => this.#heard(nameIn(data.toString())));
		this.#socket.on('error', () => this.#heard('refused'));
		this.#socket.connect(target.port, target.address, () => {
			const timer = setInterval(() => this.#send(), periodMs);
			this.#socket.once('close', () => clearInterval(timer));
		});
	}

	get report(): StreamReport {
		return {sent: this.#sent, runs: this.#runs};
	}

	/** Resolves as soon as the last answer is that of `by`, and came when more than `after` datagrams had been sent. */
	async until(
		{by, after = 0}: {readonly by: string; readonly after?: number},
		deadlineMs: number,
	): Promise<StreamReport> {
		const deadline = performance.now() + deadlineMs;
		while (this.#last?.by !== by || this.#last.to <= after) {
			if (performance.now() > deadline) {
				throw new Error(`${by} did not answer within ${deadlineMs} ms, but ${JSON.stringify(this.#runs)}`);
			}

			await sleep(2);
		}

		return this.report;
	}

	close(): StreamReport {
		this.#socket.close();
		return this.report;
	}

	get #last() {
		return this.#runs.at(-1);
	}

	#send(): void {
		this.#sent++;
		this.#socket.send('?', (error) => error && this.#heard('refused'));
		if (this.#sent - (this.#last?.to ?? 0) >= silence && this.#last?.by !== 'dropped') {
			this.#heard('dropped');
		}
	}

	#heard(by: string): void {
		const last = this.#last;
		if (last?.by === by) {
			last.to = this.#sent;
		} else {
			this.#runs.push({by, from: this.#sent, to: this.#sent});
		}
	}
}

function nameIn(text: string): string {
	const answer = readGreeting(text);
	return answer.kind === 'answered' ? answer.by : '?';
}

/** How a stream is called among several. */
export function streamName({address, port}: Probe): string {
	return printSocketAddress(address, port);
}
