import {join} from 'node:path';
import test from 'ava';
import {BackendIds} from '../../src/dataplane/nftables/backend-ids.ts';
import {Batch} from '../../src/dataplane/nftables/batch.ts';
import {compile} from '../../src/dataplane/nftables/compile.ts';
import {diff, diffShared, sharedDelta, sharedTurnover, surplusSlots} from '../../src/dataplane/nftables/diff.ts';
import {print} from '../../src/dataplane/nftables/print.ts';
import {References} from '../../src/dataplane/nftables/references.ts';
import {fullOps} from '../../src/dataplane/nftables/rules.ts';
import {families, familyOf} from '../../src/net/address.ts';
import type {Frontend} from '../../src/plan/frontend.ts';
import {golden} from '../lab/golden.ts';
import {buildFrontend, buildNodePlan} from '../support/frontends.ts';
import {increments} from '../support/increments.ts';

/** The transaction that makes `before` into `after`, as it is sent, and the one behind it where there is one. */
function transaction(before: Frontend | undefined, after: Frontend | undefined, others: readonly Frontend[]): string {
	const ids = new BackendIds();
	const shared = {
		clusterIps: new References<never>(),
		hairpins: new References<never>(),
		balances: new References<never>(),
		keepUnused: false,
	};
	const stay = others.map((other) => ({key: other.key, before: undefined, after: compile(other, ids)}));
	const old = before && compile(before, ids);
	const from = [...stay, ...(old ? [{key: 'it', before: undefined, after: old}] : [])];
	const known = sharedDelta(from);
	for (const kind of ['clusterIps', 'hairpins', 'balances'] as const) {
		const references: References<never> = shared[kind];
		references.commit(known[kind] as never);
	}

	const batch = new Batch();
	batch.add('it', old, after && compile(after, ids));
	const turnover = sharedTurnover(shared, sharedDelta(batch.differences));
	const address = (after ?? before)?.address ?? buildFrontend().address;
	const [first, second] = [
		[...diff(batch.differences), ...diffShared(turnover)],
		batch.differences.flatMap(surplusSlots),
	];
	const family = familyOf(address);
	return second.length === 0 ? print(first, family) : `${print(first, family)}\n# then\n${print(second, family)}`;
}

for (const {name, before, after, others} of increments) {
	test(`${name}: the transaction is that of the golden file`, (t) => {
		golden(
			t,
			join(import.meta.dirname, `../golden/nftables/${name.replaceAll(' ', '-')}.nft`),
			transaction(before, after, others),
		);
	});
}

test('equal plans in another order give the same operations for each frontend', (t) => {
	const frontends = increments
		.flatMap(({before}) => before ?? [])
		.filter(({key}, index, all) => all.findIndex((one) => one.key === key) === index);
	for (const family of families) {
		const [one, other] = [frontends, frontends.toReversed()].map((list) =>
			print(fullOps(list, buildNodePlan(), family), family),
		);
		t.deepEqual(one?.split('\n').toSorted(), other?.split('\n').toSorted());
	}
});
