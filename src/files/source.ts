import {setImmediate} from 'node:timers/promises';
import type {Change} from '../model/change.ts';
import {Ledger} from './ledger.ts';
import {type ProblemListener, Problems} from './problems.ts';
import type {Stamp} from './protocol.ts';
import type {FileReading, Parsed, Reader} from './reader.ts';
import {type Fault, idOf, type ObjectId} from './reading.ts';
import {type Surroundings, Tree} from './tree.ts';

type FileRecord = {
	/** Whether it was read whole at least once. */
	readonly wasRead: boolean;
	/** Whether a part of it has never been read. */
	readonly missing: boolean;
};

const kinds = ['Service', 'EndpointSlice', 'Node', 'ServiceCIDR'] as const;

/** So many deletions make one batch. */
const batchSize = 1000;

/** The object files at or below one path as changes: it looks when it is told to, and tells what differs. */
export class FileSource {
	readonly problems: Problems;
	/** Files that changed just now: they have to be looked at again once they are quiet. */
	readonly unsettled = new Set<string>();
	readonly #listener: ProblemListener;
	readonly #around: Surroundings;
	readonly #tree: Tree;
	readonly #reader: Reader;
	readonly #ledger = new Ledger();
	readonly #files = new Map<string, FileRecord>();

	/**
	 * @param root absolute
	 * @param reader reads for this source alone; its owner closes it
	 */
	constructor(root: string, listener: ProblemListener, reader: Reader, around: Surroundings) {
		this.problems = new Problems(listener);
		this.#listener = listener;
		this.#around = around;
		this.#tree = new Tree(root, this.problems, around);
		this.#reader = reader;
	}

	/** Whether everything there is has been read, now or before it broke. */
	get isComplete(): boolean {
		return this.#tree.isWhole && this.unsettled.size === 0 && [...this.#files.values()].every(({missing}) => !missing);
	}

	/** The changes at and below these paths since they were looked at last, in batches that are quickly applied. */
	async *look(touched: ReadonlySet<string>): AsyncGenerator<readonly Change[]> {
		const {changed, gone, unsettled} = await this.#tree.look(touched);
		for (const path of touched) {
			this.unsettled.delete(path);
		}

		for (const file of unsettled) {
			this.#wait(file);
		}

		for (const file of gone) {
			this.#ledger.forget(file);
			this.#files.delete(file);
			this.problems.set(`read ${file}`, []);
		}

		for (const file of [...changed.keys()].toSorted()) {
			yield* this.#read(file, changed.get(file));
		}

		for (let heirs = this.#ledger.takeHeirs(); heirs.length > 0; heirs = this.#ledger.takeHeirs()) {
			for (const file of heirs) {
				yield* this.#read(file);
			}
		}

		yield* this.#deletions();
		this.#reportClashes();
	}

	/** @param stamp of the content it is read for, absent when it has not changed */
	async *#read(file: string, stamp?: Stamp): AsyncGenerator<readonly Change[]> {
		const reading = await this.#reader.read(file, this.#ledger.known(file));
		switch (reading.kind) {
			case 'unsettled':
				this.#wait(file);
				return;
			case 'failed':
				this.#fail(file, reading.fault);
				if (stamp !== undefined) {
					this.#tree.settle(file, stamp);
				}

				return;
			case 'read':
				yield* this.#accept(file, reading);
		}
	}

	async *#accept(file: string, {summary, objects}: FileReading & {kind: 'read'}): AsyncGenerator<readonly Change[]> {
		this.#ledger.begin(file);
		for (const id of summary.gone) {
			this.#ledger.drop(file, id);
		}

		try {
			for await (const parsed of objects) {
				const changes = this.#puts(file, parsed);
				if (changes.length > 0) {
					yield changes;
				}
			}
		} catch (error) {
			if (!this.#reader.isClosed) {
				this.#fail(file, threadFault(file, error));
			}

			this.#wait(file);
			return;
		}

		this.#tree.settle(file, summary.stamp);
		this.#files.set(file, {wasRead: true, missing: summary.missing});
		this.problems.set(`read ${file}`, summary.faults);
		for (const warning of summary.warnings) {
			this.#listener.warn?.(warning, file);
		}
	}

	#puts(file: string, parsed: readonly Parsed[]): Change[] {
		return parsed
			.filter(({object, hash}) => this.#ledger.put(file, idOf(object), hash))
			.map(({object}) => ({verb: 'put', object}));
	}

	#wait(file: string): void {
		this.unsettled.add(file);
		this.#around.retouch(file);
	}

	#fail(file: string, fault: Fault): void {
		const wasRead = this.#files.get(file)?.wasRead ?? false;
		this.#files.set(file, {wasRead, missing: !wasRead || (this.#files.get(file)?.missing ?? false)});
		this.problems.set(`read ${file}`, [fault]);
	}

	/** They wait for the look after this one while files are changing. */
	async *#deletions(): AsyncGenerator<readonly Change[]> {
		const orphans = this.#around.isBusy() ? [] : this.#ledger.takeOrphans();
		for (let start = 0; start < orphans.length; start += batchSize) {
			yield orphans.slice(start, start + batchSize).flatMap(deletion);
			await setImmediate();
		}
	}

	#reportClashes(): void {
		const clashing = new Set(this.#ledger.clashing());
		const before = this.problems.places('clash ').map((place) => place.slice('clash '.length));
		for (const file of new Set([...before, ...clashing])) {
			this.problems.set(
				`clash ${file}`,
				[...this.#ledger.clashes(file)].map(([other, clash]) => clashFault(file, other, clash)),
			);
		}
	}
}

function deletion(id: ObjectId): Change[] {
	const [name = '', key = ''] = id.split(' ');
	const kind = kinds.find((each) => each === name);
	return kind === undefined ? [] : [{verb: 'delete', kind, key}];
}

function clashFault(file: string, other: string, {count, id}: {readonly count: number; readonly id: ObjectId}): Fault {
	const what = count === 1 ? id : `${id} and ${count - 1} more objects`;
	const message = `take ${what} from "${file}": "${other}" had ${count === 1 ? 'it' : 'them'} first`;
	return {key: message, code: 'FILE_DUPLICATE', message, details: {file, object: id, other, count}};
}

function threadFault(file: string, error: unknown): Fault {
	const reason = error instanceof Error ? error.message : String(error);
	return {key: reason, code: 'FILE_UNREADABLE', message: `read "${file}": ${reason}`, details: {file}};
}
