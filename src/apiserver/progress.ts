import type {Change} from '../model/change.ts';
import type {ObjectKey} from '../model/objects.ts';
import type {Told} from './decode.ts';
import type {WatchedKind} from './kinds.ts';
import type {Problems} from './problems.ts';
import {isOlder} from './query.ts';
import {Roster} from './roster.ts';

/** The newest thing that happened to an object of the kind: it was there as of `version`, or deleted by then. */
type Witness = {readonly key: ObjectKey; readonly version: string; readonly isThere: boolean};

/** How far one kind of object has been told: which names are in force, and up to which state of the cluster. */
export class Progress {
	readonly #kind: WatchedKind;
	readonly #problems: Problems;
	readonly #warn: (warning: string) => void;
	readonly #roster = new Roster();
	#version: string | undefined;
	/** The state of the last complete list or what came after it. */
	#newest = '';
	#witness: Witness | undefined;

	constructor(kind: WatchedKind, problems: Problems, warn: (warning: string) => void) {
		this.#kind = kind;
		this.#problems = problems;
		this.#warn = warn;
	}

	/** The state up to which everything was told, to go on from; undefined while everything has to be read. */
	get version(): string | undefined {
		return this.#version;
	}

	/** Whether everything that exists is in force, in its latest version or the last good one. */
	get isComplete(): boolean {
		return this.#newest !== '' && this.#roster.isComplete;
	}

	/** Whether all was told at least once. */
	get wasRead(): boolean {
		return this.#newest !== '';
	}

	/** Whether something came that did not say which object it is: only a new list can tell. */
	get isInDoubt(): boolean {
		return this.#roster.isInDoubt;
	}

	/** The name of an object by which to see whether the API server still knows the state up to which all was told. */
	get witness(): ObjectKey | undefined {
		return this.#witness?.key;
	}

	/**
	 * Whether the API server does not know our state any more, because etcd was restored to one before it.
	 *
	 * @param newest its state now
	 * @param found the version of {@link witness} there; undefined when there is no such object
	 */
	isContradicted(newest: string, found: string | undefined): boolean {
		const version = this.#version ?? '';
		if (isOlder(newest, version)) {
			return true;
		}

		// What is newer than our state comes as an event, whatever it was before.
		const isToCome = found !== undefined && isOlder(version, found);
		const isAsTold =
			this.#witness === undefined || found === (this.#witness.isThere ? this.#witness.version : undefined);
		return !isAsTold && !isToCome;
	}

	beginList(): void {
		this.#roster.beginList();
		this.#witness = undefined;
	}

	/** The next list begins from nothing; what is in force stays so until it is complete. */
	startOver(): void {
		this.#version = undefined;
	}

	/** Whether that lies before what was told already. No event of a watch may. */
	isBehind(told: Told): boolean {
		return 'version' in told && this.#version !== undefined && isOlder(told.version, this.#version);
	}

	/** What follows from one word of the API server. */
	take(told: Told): readonly Change[] {
		if (told.verb !== 'garble' && told.version !== '' && this.#version !== undefined) {
			this.#version = told.version;
			this.#newest = told.version;
		}

		if (told.verb !== 'garble' && told.verb !== 'bookmark' && !isOlder(told.version, this.#witness?.version ?? '')) {
			this.#witness = {key: told.key, version: told.version, isThere: told.verb !== 'delete'};
		}

		switch (told.verb) {
			case 'put':
				this.#roster.put(told.key);
				this.#problems.clear(this.#place(told.key));
				for (const warning of told.warnings) {
					this.#warn(warning);
				}

				return [asPut(told)];
			case 'delete':
				return this.#delete(told.key);
			case 'refuse':
				this.#roster.refuse(told.key);
				this.#problems.set(this.#place(told.key), told.problem);
				return [];
			case 'garble':
				this.#roster.doubt();
				this.#problems.set(this.#place('?'), told.problem);
				return [];
			case 'bookmark':
				return told.endsList && this.#version === undefined ? this.endList(told.version) : [];
		}
	}

	/** Everything there is at `version` was told: what else was in force is gone. */
	endList(version: string): readonly Change[] {
		if (isOlder(version, this.#newest)) {
			this.#warn(`the API server went back from version ${this.#newest} to ${version} of ${this.#kind.kind}s`);
		}

		this.#version = version;
		this.#newest = version;
		const gone = this.#roster.endList().flatMap((key) => this.#delete(key));
		if (!this.#roster.isInDoubt) {
			this.#problems.clear(this.#place('?'));
		}

		return gone;
	}

	#delete(key: ObjectKey): readonly Change[] {
		this.#problems.clear(this.#place(key));
		return this.#roster.delete(key) ? [{verb: 'delete', kind: this.#kind.kind, key}] : [];
	}

	/** Where problems of an object stand. */
	#place(key: ObjectKey): string {
		return `${this.#kind.kind} ${key}`;
	}
}

function asPut({object, triggeredAt}: Told & {verb: 'put'}): Change {
	return {verb: 'put', object, ...(triggeredAt !== undefined && {triggeredAt})};
}
