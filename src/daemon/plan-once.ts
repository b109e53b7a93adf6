import {readApiServer} from '../apiserver/read.ts';
import type {Config} from '../config/config.ts';
import {byService, type NotWhole} from '../control/status.ts';
import type {Dataplane} from '../dataplane/dataplane.ts';
import type {NetError} from '../errors.ts';
import {readFiles} from '../files/read.ts';
import type {Change} from '../model/change.ts';
import {type Address, families, familyOf} from '../net/address.ts';
import {watchNodeAddresses} from '../node/addresses.ts';
import {type Logger, silentLog} from '../observe/log.ts';
import type {Plan} from '../plan/plan.ts';
import {inTurns, systemClock} from './clock.ts';
import {Cluster} from './cluster.ts';
import {servedFamilies} from './families.ts';
import {Survey} from './not-whole.ts';
import {planOptions} from './options.ts';
import {apiServerOf} from './sources.ts';

/** What a daemon with this configuration would do now. */
export type Planned = {
	readonly plan: Plan;
	/** What of the objects is not served as written, in order of Services. */
	readonly notInForce: readonly NotWhole[];
	/** Objects and files that were refused. */
	readonly problems: readonly NetError[];
	readonly warnings: readonly string[];
};

/**
 * Reads the objects and the node's addresses once and plans, without writing anything anywhere.
 *
 * @throws NetError API_… when there are no object files, and the API server cannot be read
 * @param nodeAddresses those of another node to plan for; absent = those of this one, read from the kernel
 */
export async function planOnce(
	config: Config,
	dataplane: Pick<Dataplane, 'takes'>,
	nodeAddresses: readonly Address[] | undefined,
): Promise<Planned> {
	const {changes, problems, warnings} =
		config.objects === undefined ? await readApiServer(apiServerOf(config)) : await readFiles(config.objects);
	const addresses = nodeAddresses?.map(asChange) ?? (await readNodeAddresses());
	// another node may have a family that this one lacks
	const served = nodeAddresses === undefined ? servedFamilies() : familiesOf(nodeAddresses);
	const cluster = new Cluster(planOptions(config, served));
	for (const change of [...changes, ...addresses]) {
		cluster.take(change);
	}

	await inTurns(systemClock, () => cluster.advance());
	const survey = new Survey(cluster.plan, dataplane);
	await inTurns(systemClock, () => survey.step());
	return {plan: cluster.plan, notInForce: survey.notWhole.toSorted(byService), problems, warnings};
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
