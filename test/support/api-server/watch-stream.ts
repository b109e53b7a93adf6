import type {ServerResponse} from 'node:http';
import type {Target} from './resources.ts';
import type {Selector} from './selectors.ts';
import type {Status} from './status.ts';
import type {KubeJson, StoreEvent} from './store.ts';

/** One watch that is open: events of the store become lines of its answer. */
export class WatchStream {
	readonly target: Target;
	readonly #response: ServerResponse;
	readonly #selector: Selector;
	readonly #takesBookmarks: boolean;
	readonly #startsAt: number;
	readonly #version: () => number;

	/** @param startsAt the version it goes on from, 0 for a list; `version` tells the newest one of all */
	constructor(
		target: Target,
		response: ServerResponse,
		options: {
			readonly selector: Selector;
			readonly takesBookmarks: boolean;
			readonly startsAt: number;
			readonly version: () => number;
		},
	) {
		this.target = target;
		this.#response = response;
		this.#selector = options.selector;
		this.#takesBookmarks = options.takesBookmarks;
		this.#startsAt = options.startsAt;
		this.#version = options.version;
		response.writeHead(200, {'content-type': 'application/json'});
		response.flushHeaders();
	}

	/** An object that drops out of the selector went, as far as this watch is concerned; one that drops in came. */
	tell({version, resource, before, after}: StoreEvent): void {
		if (resource !== this.target.resource) {
			return;
		}

		const was = before !== undefined && this.#selector(before) ? before : undefined;
		const is = after !== undefined && this.#selector(after) ? after : undefined;
		if (is !== undefined) {
			this.write({type: was === undefined ? 'ADDED' : 'MODIFIED', object: full(this.target, is)});
		} else if (was !== undefined) {
			this.write({type: 'DELETED', object: full(this.target, at(was, version))});
		}
	}

	/** Tells that an object is there, as the first lines of a streamed list do. */
	add(object: KubeJson): void {
		this.write({type: 'ADDED', object: full(this.target, object)});
	}

	bookmark(version: number = this.#version(), endsList = false): void {
		const {kind, apiVersion} = this.target.resource;
		if (this.#takesBookmarks && version >= this.#startsAt) {
			const annotations = endsList ? {annotations: {'k8s.io/initial-events-end': 'true'}} : {};
			const metadata = {resourceVersion: String(version), ...annotations};
			this.write({type: 'BOOKMARK', object: {kind, apiVersion, metadata}});
		}
	}

	fail(status: Status): void {
		this.write({type: 'ERROR', object: status});
		this.end();
	}

	/** Writes as a line what may be no event at all. */
	write(event: unknown): void {
		this.writeRaw(`${typeof event === 'string' ? event : JSON.stringify(event)}\n`);
	}

	writeRaw(text: string): void {
		this.#response.write(text);
	}

	end(): void {
		this.#response.end();
	}

	/** As when the process behind it was killed. */
	cut(): void {
		this.#response.destroy();
	}
}

/** Events name the kind of their object, unlike the items of a list. */
function full({resource}: Target, object: KubeJson): unknown {
	return {kind: resource.kind, apiVersion: resource.apiVersion, ...object};
}

function at(object: KubeJson, version: number): KubeJson {
	return {...object, metadata: {...object.metadata, resourceVersion: String(version)}};
}
