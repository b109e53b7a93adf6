import test from 'ava';
import {FlowLedger} from '../../src/conntrack/ledger.ts';
import type {Frontend} from '../../src/plan/frontend.ts';
import {buildStaleFlows} from '../support/flows.ts';

const dns = '10.96.0.10:53';
const [a, b, c] = ['10.128.0.11:53', '10.128.0.12:53', '10.128.0.13:53'];

/** A ledger whose one frontend was looked at when `serving` served it. */
function settled(...serving: readonly string[]): FlowLedger {
	const ledger = new FlowLedger();
	ledger.tell(buildStaleFlows(dns, ...serving));
	ledger.settle(ledger.take());
	return ledger;
}

test('a frontend that is new is looked at once', (t) => {
	const ledger = new FlowLedger();
	ledger.tell(buildStaleFlows(dns, a));
	t.deepEqual(ledger.take(), [buildStaleFlows(dns, a)]);
	t.is(ledger.owed, 0);
});

test('one that gains backends is not looked at; one that loses any is, those gained in between too', (t) => {
	const ledger = settled(a);
	ledger.tell(buildStaleFlows(dns, b, a));
	t.is(ledger.owed, 0);
	ledger.tell(buildStaleFlows(dns, a, c));
	t.deepEqual(ledger.take(), [buildStaleFlows(dns, a, c)]);
});

test('a target port that changes is a backend lost', (t) => {
	const ledger = settled(a);
	ledger.tell(buildStaleFlows(dns, '10.128.0.11:5353'));
	t.is(ledger.owed, 1);
});

test('of several words on one frontend the last counts, and what it lost before is not forgotten', (t) => {
	const ledger = settled(a, b);
	ledger.tell(buildStaleFlows(dns, b));
	ledger.tell(buildStaleFlows(dns, b, c));
	t.deepEqual(ledger.take(), [buildStaleFlows(dns, b, c)]);
});

test('what is lost during a look is looked at again; who serves is known at any moment', (t) => {
	const ledger = settled(a, b);
	ledger.tell(buildStaleFlows(dns, b));
	const taken = ledger.take();
	ledger.tell(buildStaleFlows(dns, b, c));
	t.deepEqual(ledger.servingOf('10.96.0.10 UDP 53'), buildStaleFlows(dns, b, c).serving);
	t.is(ledger.owed, 0);
	ledger.tell(buildStaleFlows(dns, c));
	ledger.settle(taken);
	t.deepEqual(ledger.take(), [buildStaleFlows(dns, c)]);
});

test('the last backend that is lost during a look is looked at again', (t) => {
	const ledger = settled(a, b);
	ledger.tell(buildStaleFlows(dns, b));
	const taken = ledger.take();
	ledger.tell(buildStaleFlows(dns));
	ledger.settle(taken);
	t.deepEqual(ledger.take(), [buildStaleFlows(dns)]);
});

test('a look that came to no end is owed again, with the last word', (t) => {
	const ledger = settled(a, b);
	ledger.tell(buildStaleFlows(dns, a));
	const taken = ledger.take();
	ledger.tell(buildStaleFlows(dns, a, c));
	ledger.restore(taken);
	t.deepEqual(ledger.take(), [buildStaleFlows(dns, a, c)]);
});

test('a frontend without backends is forgotten after its look, and looked at when it has some again', (t) => {
	const ledger = settled();
	t.is(ledger.servingOf('10.96.0.10 UDP 53'), undefined);
	ledger.tell(buildStaleFlows(dns, a));
	t.is(ledger.owed, 1);
});

test('a frontend that gets backends during the look at it without any is looked at again', (t) => {
	const ledger = settled(a);
	ledger.tell(buildStaleFlows(dns));
	const taken = ledger.take();
	ledger.tell(buildStaleFlows(dns, a));
	ledger.settle(taken);
	t.deepEqual(ledger.take(), [buildStaleFlows(dns, a)]);
});

function frontend(address: string, protocol: 'TCP' | 'UDP', kind: 'backends' | 'reject' = 'reject'): Frontend {
	const target = kind === 'backends' ? {kind, backends: []} : {kind};
	return {key: `${address} ${protocol} 53`, address, protocol, port: 53, target} as unknown as Frontend;
}

test('in doubt every UDP frontend is looked at, those without backends too', (t) => {
	const ledger = settled(a);
	ledger.doubt([
		frontend('10.96.0.10', 'UDP', 'backends'),
		frontend('10.96.0.11', 'UDP'),
		frontend('10.96.0.12', 'TCP'),
	]);
	t.deepEqual(ledger.take(), [buildStaleFlows(dns, a), buildStaleFlows('10.96.0.11:53')]);
});

test('in doubt a frontend with backends that no commit told of keeps its flows until one does', (t) => {
	const ledger = new FlowLedger();
	ledger.doubt([frontend('10.96.0.10', 'UDP', 'backends')]);
	t.deepEqual(ledger.take(), []);
	ledger.tell(buildStaleFlows(dns, a));
	t.deepEqual(ledger.take(), [buildStaleFlows(dns, a)]);
});
