import {randomUUID} from 'node:crypto';
import {type Resource, resourceOf} from './resources.ts';

/** An API object as JSON. */
export type KubeJson = {
	readonly kind?: string;
	readonly apiVersion?: string;
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly labels?: Readonly<Record<string, string>>;
		readonly resourceVersion?: string;
		readonly [field: string]: unknown;
	};
	readonly [field: string]: unknown;
};

/** One thing that happened to an object; `before` is absent when it came, `after` when it went. */
export type StoreEvent = {
	readonly version: number;
	readonly resource: Resource;
	readonly before: KubeJson | undefined;
	readonly after: KubeJson | undefined;
};

/** What etcd and the watch cache hold: objects, and what happened to them since the last compaction. */
export class Store {
	#version = 100;
	#compacted = 100;
	#objects = new Map<string, KubeJson>();
	#events: StoreEvent[] = [];
	readonly #listeners = new Set<(event: StoreEvent) => void>();

	get version(): number {
		return this.#version;
	}

	/** Events up to this version are forgotten. */
	get compacted(): number {
		return this.#compacted;
	}

	/** In the order of etcd: by namespace and name, as bytes. */
	list(resource: Resource): readonly KubeJson[] {
		const found = [...this.#objects].filter(([key]) => key.startsWith(`${resource.plural} `));
		return found.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
	}

	get(resource: Resource, namespace: string | undefined, name: string): KubeJson | undefined {
		return this.#objects.get(keyOf(resource, namespace, name));
	}

	since(version: number): readonly StoreEvent[] {
		return this.#events.filter((event) => event.version > version);
	}

	/** Creates or replaces objects, each a version of its own. */
	put(...objects: readonly object[]): void {
		for (const object of objects as readonly KubeJson[]) {
			const resource = resourceOf(object);
			const key = keyOf(resource, object.metadata.namespace, object.metadata.name);
			const before = this.#objects.get(key);
			this.#version++;
			const given = {uid: randomUUID(), creationTimestamp: '2026-11-28T00:00:00Z', ...before?.metadata};
			const after = {
				...object,
				metadata: {
					...object.metadata,
					...{uid: given['uid'], creationTimestamp: given['creationTimestamp']},
					resourceVersion: String(this.#version),
				},
			};
			this.#objects.set(key, after);
			this.#tell({version: this.#version, resource, before, after});
		}
	}

	delete(kind: string, namespace: string | undefined, name: string): KubeJson | undefined {
		const resource = resourceOf({kind});
		const key = keyOf(resource, namespace, name);
		const before = this.#objects.get(key);
		if (before !== undefined) {
			this.#version++;
			this.#objects.delete(key);
			this.#tell({version: this.#version, resource, before, after: undefined});
		}

		return before;
	}

	/** Forgets what happened so far: who wants to go on from an earlier version has to list. */
	compact(): void {
		this.#compacted = this.#version;
		this.#events = [];
	}

	/** What an operator keeps as a backup of etcd. */
	backup(): () => void {
		const [version, objects, events, compacted] = [
			this.#version,
			new Map(this.#objects),
			this.#events,
			this.#compacted,
		];
		return () => {
			this.#version = version;
			this.#objects = new Map(objects);
			this.#events = events.filter((event) => event.version <= version);
			this.#compacted = compacted;
		};
	}

	/** @returns what ends the listening */
	listen(listener: (event: StoreEvent) => void): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	#tell(event: StoreEvent): void {
		this.#events = [...this.#events, event];
		for (const listener of this.#listeners) {
			listener(event);
		}
	}
}

function keyOf({plural, isNamespaced}: Resource, namespace: string | undefined, name: string): string {
	return isNamespaced ? `${plural} ${namespace ?? 'default'}/${name}` : `${plural} ${name}`;
}
