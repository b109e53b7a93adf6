import {setImmediate} from 'node:timers/promises';
import {Worker} from 'node:worker_threads';
import {NetError} from '../errors.ts';
import type {EndpointSlice, KubeObject} from '../model/objects.ts';
import {createPool, internText} from '../model/pool.ts';
import type {Clock} from './clock.ts';
import type {Answer, Chunk, Request, Summary} from './protocol.ts';
import type {Fault, Known} from './reading.ts';

/** What the thread made of a file, and its changed objects chunk by chunk. */
export type FileReading =
	| {
			readonly kind: 'read';
			readonly summary: Omit<Summary, 'chunk'>;
			readonly objects: AsyncIterable<readonly Parsed[]>;
	  }
	| {readonly kind: 'unsettled'}
	| {readonly kind: 'failed'; readonly fault: Fault};

export type Parsed = {readonly object: KubeObject; readonly hash: number};

/** How long the thread waits for more files before it ends and gives its memory back. */
const idleMs = 5000;

/** The thread's heap. 42 MB of YAML in kubectl's form take 0.3 GB, in any other form 0.9 GB. */
const defaultHeapMb = 2048;

/**
 * Reads files in a thread of its own, one at a time, so that parsing never holds up the main loop. The thread
 * starts with the first file and ends when none came for 5 s; when it dies, the file it read is at fault.
 */
export class Reader {
	readonly #clock: Clock;
	readonly #maxHeapMb: number;
	#worker: Worker | undefined;
	#waiting: {readonly worker: Worker; readonly answer: PromiseWithResolvers<Answer>} | undefined;
	/** Settled when the thread has answered all it was asked. */
	#answered: Promise<void> = Promise.resolve();
	#cancelIdle = () => {};
	#isClosed = false;

	constructor(clock: Clock, maxHeapMb = defaultHeapMb) {
		this.#clock = clock;
		this.#maxHeapMb = maxHeapMb;
	}

	/** Never throws; a reader that is closed calls the file unsettled. The objects of one file have to be taken before the next one is read. */
	async read(file: string, known: Known): Promise<FileReading> {
		try {
			const answer = this.#isClosed ? {verb: 'unsettled' as const} : await this.#ask({verb: 'read', file, known});
			if (answer.verb !== 'summary') {
				return answer.verb === 'failed' ? {kind: 'failed', fault: answer.fault} : {kind: 'unsettled'};
			}

			const {chunk, ...summary} = answer.summary;
			return {kind: 'read', summary, objects: this.#objects(chunk)};
		} catch (error) {
			if (this.#isClosed) {
				return {kind: 'unsettled'};
			}

			const reason = error instanceof Error ? error.message : String(error);
			const fault = {
				key: reason,
				code: 'FILE_UNREADABLE',
				message: `read "${file}": ${reason}`,
				details: {file},
			} as const;
			return {kind: 'failed', fault};
		}
	}

	get isClosed(): boolean {
		return this.#isClosed;
	}

	async close(): Promise<void> {
		this.#isClosed = true;
		await this.#end();
	}

	async #end(): Promise<void> {
		this.#cancelIdle();
		const worker = this.#worker;
		this.#worker = undefined;
		await worker?.terminate();
	}

	async *#objects(first: Chunk): AsyncIterable<readonly Parsed[]> {
		yield unpack(first);
		for (let {isLast} = first; !isLast; ) {
			await setImmediate(); // one chunk a turn, however quickly the thread answers
			const answer = this.#isClosed ? undefined : await this.#ask({verb: 'more'});
			if (answer?.verb !== 'chunk') {
				return;
			}

			isLast = answer.chunk.isLast;
			yield unpack(answer.chunk);
		}
	}

	async #ask(request: Request): Promise<Answer> {
		const before = this.#answered;
		const {promise, resolve} = Promise.withResolvers<void>();
		this.#answered = promise;
		await before;
		this.#cancelIdle();
		const worker = this.#worker ?? this.#start();
		this.#worker = worker;
		const answer = Promise.withResolvers<Answer>();
		this.#waiting = {worker, answer};
		worker.ref();
		worker.postMessage(request);
		try {
			return await answer.promise;
		} finally {
			resolve();
			worker.unref(); // an idle thread keeps no process alive
			this.#cancelIdle = this.#isClosed ? () => {} : this.#clock.after(idleMs, () => void this.#end()); // it does not fail
		}
	}

	#start(): Worker {
		const worker = new Worker(new URL('./worker.ts', import.meta.url), {
			resourceLimits: {maxOldGenerationSizeMb: this.#maxHeapMb},
		});
		worker.on('message', (answer: Answer) => this.#waiting?.answer.resolve(answer));
		worker.on('error', (error) => this.#lose(worker, error));
		worker.on('exit', () => this.#lose(worker, new NetError('FILE_UNREADABLE', 'finish: the reading thread ended')));
		return worker;
	}

	#lose(worker: Worker, error: unknown): void {
		if (this.#worker === worker) {
			this.#worker = undefined;
		}

		if (this.#waiting?.worker === worker) {
			this.#waiting.answer.reject(error);
		}
	}
}

function unpack({json, hashes}: Chunk): Parsed[] {
	const objects: KubeObject[] = JSON.parse(json); // the thread wrote it from KubeObjects
	return objects.map((object, index) => ({object: shared(object), hash: hashes[index] ?? 0}));
}

/** JSON loses what the parser shares between objects, and the one shape of endpoints; here they get it back. */
function shared(object: KubeObject): KubeObject {
	return object.kind === 'EndpointSlice' ? sharedSlice(object) : object;
}

function sharedSlice(slice: EndpointSlice): EndpointSlice {
	const endpoints = slice.endpoints.map(
		({address, ready, serving, terminating, nodeName, hintZones, hintNodes, pod}) => ({
			address,
			ready,
			serving,
			terminating,
			nodeName: nodeName === undefined ? undefined : internText(nodeName),
			hintZones: hintZones === undefined ? undefined : sharedNames(hintZones.join('\n'), hintZones),
			hintNodes: hintNodes === undefined ? undefined : sharedNames(hintNodes.join('\n'), hintNodes),
			pod,
		}),
	);
	return {
		...slice,
		namespace: internText(slice.namespace),
		ports: sharedPorts(JSON.stringify(slice.ports), slice.ports),
		endpoints,
	};
}

const sharedNames = createPool<readonly string[]>(5000);
const sharedPorts = createPool<EndpointSlice['ports']>(5000);
