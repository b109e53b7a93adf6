import type {Change, SourceName} from '../model/change.ts';
import {keyOf, type ObjectKey, type WorldObject} from '../model/objects.ts';
import type {Logger} from '../observe/log.ts';
import {asNetError} from './bug.ts';
import type {Mail} from './inbox.ts';

export type Kind = WorldObject['kind'];

/** What each source tells of: nobody else does. */
export const kindsOf: Readonly<Record<SourceName, readonly Kind[]>> = {
	files: ['Service', 'EndpointSlice', 'Node', 'ServiceCIDR'],
	apiserver: ['Service', 'EndpointSlice', 'Node', 'ServiceCIDR'],
	nodeAddresses: ['NodeAddress'],
	cni: ['PodAttachment'],
};

/** What is known of the cluster, as far as the intake needs it. */
export type Known = {
	take(change: Exclude<Change, {readonly verb: 'synced'}>): void;
	/** Names of all objects of a kind. */
	keys(kind: Kind): Iterable<ObjectKey>;
};

type SourceState = {
	/** Whether it told all it knew, which has to be something: a folder that is not mounted yet says nothing of the cluster. */
	synced: boolean;
	/** Whether it ever told of an object. */
	told: boolean;
	/** Whether its last word was that nothing is missing; it may not be anything else for the kernel to be pruned. */
	complete: boolean;
	/** Since a restart: what it had told before and not again so far. What is left at its `synced` is gone. */
	unconfirmed: Map<string, {readonly kind: Kind; readonly key: ObjectKey}> | undefined;
};

/**
 * Takes mail into what is known, and keeps account of what each source has said. A source that was restarted tells
 * everything again but not what vanished meanwhile: the intake finds that out, and only once the source has told
 * all of it.
 */
export class Intake {
	readonly #known: Known;
	readonly #log: Logger;
	readonly #sources: ReadonlyMap<SourceName, SourceState>;

	constructor(sources: readonly SourceName[], known: Known, log: Logger) {
		this.#known = known;
		this.#log = log;
		this.#sources = new Map(
			sources.map((name) => [
				name,
				{synced: false, told: false, complete: false, unconfirmed: undefined} satisfies SourceState,
			]),
		);
	}

	/**
	 * Sources that have not yet told everything they knew at their start, or could read nothing at all: nothing is
	 * written before they have.
	 */
	get awaited(): readonly SourceName[] {
		return [...this.#sources].filter(([, {synced}]) => !synced).map(([name]) => name);
	}

	/** Sources that cannot read a part of what they watch: nothing is removed from the kernel on their word. */
	get incomplete(): readonly SourceName[] {
		return [...this.#sources].filter(([, {complete}]) => !complete).map(([name]) => name);
	}

	/** A function that takes one change of the mail each time it is called, and says whether more is left. */
	reader(mail: readonly Mail[]): () => boolean {
		const steps = this.#read(mail);
		return () => steps.next().done !== true;
	}

	*#read(mail: readonly Mail[]): Generator<void, void, void> {
		for (const {source, changes} of mail) {
			const state = this.#sources.get(source);
			if (state === undefined) {
				continue;
			}

			if (changes === 'restarted') {
				this.#restart(source, state);
				continue;
			}

			for (const change of changes) {
				this.#takeSafely(change, state);
				yield;
			}
		}
	}

	#restart(source: SourceName, state: SourceState): void {
		state.complete = false;
		const before = kindsOf[source].flatMap((kind) => [...this.#known.keys(kind)].map((key) => ({kind, key})));
		state.unconfirmed = new Map(before.map((object) => [`${object.kind} ${object.key}`, object]));
	}

	/** An object that trips a bug of ours is left out and named; all others go on. */
	#takeSafely(change: Change, state: SourceState): void {
		try {
			this.#take(change, state);
		} catch (caught) {
			this.#log.error('an object is left out', {error: asNetError(caught, 'take a change'), change});
		}
	}

	#take(change: Change, state: SourceState): void {
		switch (change.verb) {
			case 'put':
				state.told = true;
				state.unconfirmed?.delete(`${change.object.kind} ${keyOf(change.object)}`);
				this.#known.take(change);
				return;
			case 'delete':
				state.unconfirmed?.delete(`${change.kind} ${change.key}`);
				this.#known.take(change);
				return;
			case 'synced':
				// no folder that is not mounted yet, but a journal that cannot be read, which stops no Service
				state.synced ||= change.complete || state.told || change.source === 'cni';
				state.complete = change.complete;
				if (change.complete) {
					this.#forget(state);
				}
		}
	}

	#forget(state: SourceState): void {
		for (const {kind, key} of state.unconfirmed?.values() ?? []) {
			this.#known.take({verb: 'delete', kind, key});
		}

		state.unconfirmed = undefined;
	}
}
