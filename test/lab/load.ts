import type {Socket} from 'node:net';
import {printSocketAddress} from '../../src/net/port.ts';
import {afterArrivals, connectTcp, probe, readError, readGreeting} from './probe.ts';
import type {Failure, Hold, HoldReport, Probe, ProbeResult, Rate, RateWindow} from './requests.ts';

/** A client gives up on a connection of a load after this long: three SYNs have gone out by then. */
const patienceMs = 5000;
/** At most this many connections of a hold are being opened at one time. */
const openingAtOnce = 100;
/** Of the time that a load generator was kept from running, so much is made up for. */
const mostOwedMs = 200;

function printResult(result: ProbeResult): string {
	return result.kind === 'failed' ? `failed (${result.code})` : result.kind;
}

function printTarget({protocol, address, port}: Probe): string {
	return `${printSocketAddress(address, port)}/${protocol}`;
}

function count(into: Record<string, number>, name: string): void {
	into[name] = (into[name] ?? 0) + 1;
}

/** TCP connections that stay open, each with one message on the way at any time. */
export class HeldConnections {
	readonly #sockets = new Set<Socket>();
	readonly #lost: Failure[] = [];
	readonly #by: Record<string, number> = {};
	readonly #began = performance.now();
	readonly #periodMs: number;
	#echoes = 0;
	#slowestMs = 0;
	#released = false;

	private constructor(periodMs: number) {
		this.#periodMs = periodMs;
	}

	/** Opens them all; a connection that cannot be opened counts as lost. */
	static async open({targets, count, periodMs}: Hold): Promise<HeldConnections> {
		const held = new HeldConnections(periodMs);
		const queue = Array.from({length: count}, (_, index) => targets[index % targets.length]);
		const worker = async () => {
			for (let target = queue.pop(); target !== undefined; target = queue.pop()) {
				await held.#open(target);
			}
		};
		await Promise.all(Array.from({length: openingAtOnce}, worker));
		return held;
	}

	report(): HoldReport {
		return {
			open: this.#sockets.size,
			echoes: this.#echoes,
			slowestMs: Math.round(this.#slowestMs),
			lost: this.#lost,
			by: this.#by,
		};
	}

	release(): HoldReport {
		const report = this.report();
		this.#released = true;
		for (const socket of this.#sockets) {
			socket.resetAndDestroy();
		}

		return report;
	}

	async #open(target: Probe): Promise<void> {
		const socket = connectTcp(target);
		await new Promise<void>((resolve) => {
			let result = 'closed by the other side';
			const timer = setTimeout(() => this.#giveUp(socket), patienceMs);
			socket.once('data', (greeting: string) => {
				const answer = readGreeting(greeting);
				count(this.#by, answer.kind === 'answered' ? answer.by : '?');
				this.#sockets.add(socket);
				this.#echo(socket, timer);
				resolve();
			});
			socket.on('error', (error) => {
				const failed = readError(error);
				result = failed.kind === 'failed' ? error.message : failed.kind;
			});
			socket.once('close', () => {
				clearTimeout(timer);
				this.#sockets.delete(socket);
				if (!this.#released) {
					this.#lost.push({atMs: Math.round(performance.now() - this.#began), target: printTarget(target), result});
				}

				resolve();
			});
		});
	}

	/** Ends a connection that stays silent. */
	#giveUp(socket: Socket): void {
		const heard = socket.bytesRead;
		afterArrivals(() => {
			if (socket.bytesRead === heard) {
				socket.destroy(new Error('no answer'));
			}
		});
	}

	/** Sends a message, waits for it, waits out the period, and so on; `deadline` is put off by each. */
	#echo(socket: Socket, deadline: NodeJS.Timeout): void {
		let sentAt = 0;
		const send = () => {
			if (!socket.destroyed) {
				sentAt = performance.now();
				deadline.refresh();
				socket.write('.');
			}
		};
		socket.on('data', () => {
			this.#echoes++;
			this.#slowestMs = Math.max(this.#slowestMs, performance.now() - sentAt);
			deadline.refresh();
			setTimeout(send, this.#periodMs);
		});
		setTimeout(send, Math.random() * this.#periodMs);
	}
}

type OpenWindow = {
	begun: number;
	by: Record<string, number>;
	slowestMs: number;
	failures: Failure[];
	pending: Set<Promise<void>>;
};

function openWindow(): OpenWindow {
	return {begun: 0, by: {}, slowestMs: 0, failures: [], pending: new Set()};
}

/** New connections at a steady rate; each belongs to the window in which it was begun. */
export class SteadyRate {
	readonly #began = performance.now();
	readonly #timer: NodeJS.Timeout;
	readonly #rate: Rate;
	#total = 0;
	#owed = 0;
	#lastAt = performance.now();
	#window = openWindow();

	constructor(rate: Rate) {
		this.#rate = rate;
		this.#timer = setInterval(() => this.#catchUp(), 5);
	}

	/** What became of this window's connections, once each has an answer; later ones belong to the next window. */
	async window(): Promise<RateWindow> {
		const window = this.#window;
		this.#window = openWindow();
		await Promise.all(window.pending);
		const {begun, by, slowestMs, failures} = window;
		return {begun, by, slowestMs: Math.round(slowestMs), failures};
	}

	async stop(): Promise<RateWindow> {
		clearInterval(this.#timer);
		return await this.window();
	}

	/** Begins what is due. What a stopped process owes is forgiven: a burst would measure the burst. */
	#catchUp(): void {
		const now = performance.now();
		this.#owed += (Math.min(now - this.#lastAt, mostOwedMs) / 1000) * this.#rate.perSecond;
		this.#lastAt = now;
		for (; this.#owed >= 1; this.#owed--) {
			const target = this.#rate.targets[this.#total++ % this.#rate.targets.length];
			if (target !== undefined) {
				this.#begin(target, this.#window);
			}
		}
	}

	#begin(target: Probe, window: OpenWindow): void {
		window.begun++;
		const begunAt = performance.now();
		const done = probe(target, patienceMs).then((result) => {
			const now = performance.now();
			window.pending.delete(done);
			window.slowestMs = Math.max(window.slowestMs, now - begunAt);
			if (result.kind === 'answered') {
				count(window.by, `${printTarget(target)} ${result.by}`);
			} else {
				window.failures.push({
					atMs: Math.round(begunAt - this.#began),
					target: printTarget(target),
					result: printResult(result),
				});
			}
		});
		window.pending.add(done);
	}
}
