import type {Config} from '../config/config.ts';
import type {Dataplane} from '../dataplane/dataplane.ts';
import type {NetError} from '../errors.ts';
import {readFiles} from '../files/read.ts';
import type {Change} from '../model/change.ts';
import {type Address, families, familyOf} from '../net/address.ts';
import {watchNodeAddresses} from '../node/addresses.ts';
import {type Logger, silentLog} from '../observe/log.ts';
import {type Because, type Frontend, printServicePort} from '../plan/frontend.ts';
import type {Plan} from '../plan/plan.ts';
import {inTurns, systemClock} from './clock.ts';
import {Cluster} from './cluster.ts';
import {servedFamilies} from './families.ts';
import {planOptions} from './options.ts';

/** A part of a Service that would not be in force, and why. */
export type NotInForce = {readonly service: string; readonly what: string; readonly because: string};

/** What a daemon with this configuration would do now. */
export type Planned = {
	readonly plan: Plan;
	/** What of the objects is not served as written, in order of Services. */
	readonly notInForce: readonly NotInForce[];
	/** Objects and files that were refused. */
	readonly problems: readonly NetError[];
	readonly warnings: readonly string[];
};

/**
 * Reads the objects and the node's addresses once and plans, without writing anything anywhere.
 *
 * @param nodeAddresses those of another node to plan for; absent = those of this one, read from the kernel
 */
export async function planOnce(
	config: Config,
	dataplane: Pick<Dataplane, 'takes'>,
	nodeAddresses: readonly Address[] | undefined,
): Promise<Planned> {
	const {changes, problems, warnings} = await readFiles(config.objects);
	const addresses = nodeAddresses?.map(asChange) ?? (await readNodeAddresses());
	// another node may have a family that this one lacks
	const served = nodeAddresses === undefined ? servedFamilies() : familiesOf(nodeAddresses);
	const cluster = new Cluster(planOptions(config, served));
	for (const change of [...changes, ...addresses]) {
		cluster.take(change);
	}

	await inTurns(systemClock, () => cluster.advance());
	return {plan: cluster.plan, notInForce: notInForce(cluster.plan, dataplane), problems, warnings};
}

function familiesOf(addresses: readonly Address[]) {
	const present = families.filter((family) => addresses.some((address) => familyOf(address) === family));
	return present.length === 0 ? families : present;
}

function asChange(address: Address): Change {
	return {verb: 'put', object: {kind: 'NodeAddress', address, interface: 'given'}};
}

async function readNodeAddresses(log: Logger = silentLog): Promise<readonly Change[]> {
	const enough = new AbortController();
	for await (const changes of watchNodeAddresses({log}, enough.signal)) {
		if (changes.some(({verb}) => verb === 'synced')) {
			enough.abort();
			return changes;
		}
	}

	return [];
}

/** What the planner left out, and what the dataplane does not do (yet). */
function notInForce(plan: Plan, {takes}: Pick<Dataplane, 'takes'>): readonly NotInForce[] {
	const found: NotInForce[] = [];
	for (const rows of plan.unserved.values()) {
		for (const {service, key, because} of rows) {
			found.push({service: printServicePort(service), what: key ?? 'the whole', because: printBecause(because)});
		}
	}

	for (const frontend of plan.frontends.values()) {
		found.push(...missing(frontend, takes(frontend)));
	}

	return found.toSorted((a, b) => (`${a.service} ${a.what}` < `${b.service} ${b.what}` ? -1 : 1));
}

function missing({service, key}: Frontend, takes: ReturnType<Dataplane['takes']>): NotInForce[] {
	const name = printServicePort(service);
	switch (takes.kind) {
		case 'whole':
			return [];
		case 'partly':
			return takes.missing.map((what) => ({service: name, what: key, because: `this version does not do ${what}`}));
		case 'no':
			return [{service: name, what: key, because: takes.because}];
	}
}

function printBecause({object, field, decided}: Because): string {
	return `${object}, ${field}: ${decided}`;
}
