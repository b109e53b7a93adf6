import {readFileSync} from 'node:fs';
import {load} from 'js-yaml';
import {resolveConfig} from '../../src/config/config.ts';
import {planOptions} from '../../src/daemon/options.ts';
import type {Change} from '../../src/model/change.ts';
import {keyOf} from '../../src/model/objects.ts';
import {parseObject} from '../../src/model/parse.ts';
import {createWorld, reduce} from '../../src/model/world.ts';
import {families, parseAddress} from '../../src/net/address.ts';
import type {Plan, PlanChange} from '../../src/plan/plan.ts';
import {Planner} from '../../src/plan/planner.ts';
import {addresses} from './addresses.ts';

/** The pure half of a daemon on n1: objects in, plan out. */
export class Pipeline {
	readonly #world = createWorld();
	readonly #planner: Planner;

	/** @param flags as `fairlead run` takes them, without dashes */
	constructor(flags: ReadonlyMap<string, string>) {
		const all = new Map([['objects', '/none'], ...flags]);
		this.#planner = new Planner(planOptions(resolveConfig({flags: all, environment: {}, hostname: 'n1'}), families));
		this.put([]);
		this.#reduce(
			[...addresses.n1, ...addresses.alt].map((address) => ({
				verb: 'put',
				object: {kind: 'NodeAddress', address: parseAddress(address), interface: 'eth0'},
			})),
		);
	}

	get plan(): Plan {
		return this.#planner.plan;
	}

	/** Takes the objects in, as JSON. */
	put(objects: readonly unknown[]): PlanChange {
		return this.#reduce(
			objects.flatMap((object): Change[] => {
				const parsed = parseObject(object);
				return parsed === undefined ? [] : [{verb: 'put', object: parsed.object}];
			}),
		);
	}

	delete(objects: readonly unknown[]): PlanChange {
		return this.#reduce(
			objects.flatMap((value): Change[] => {
				const object = parseObject(value)?.object;
				return object === undefined ? [] : [{verb: 'delete', kind: object.kind, key: keyOf(object)}];
			}),
		);
	}

	#reduce(changes: readonly Change[]): PlanChange {
		return this.#planner.update(this.#world, reduce(this.#world, changes));
	}
}

/** The items of a List as `kubectl get -o yaml` prints it. */
export function readList(path: string): readonly unknown[] {
	const list = load(readFileSync(path, 'utf8'));
	return typeof list === 'object' && list !== null && 'items' in list && Array.isArray(list.items) ? list.items : [];
}
