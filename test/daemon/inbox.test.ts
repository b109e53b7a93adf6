import test from 'ava';
import {Inbox} from '../../src/daemon/inbox.ts';
import {FakeClock} from '../support/fake-clock.ts';

const never = new AbortController().signal;

test('mail comes out in the order in which it came in, once', async (t) => {
	const inbox = new Inbox(new FakeClock());
	inbox.push({source: 'files', changes: []});
	inbox.push({source: 'nodeAddresses', changes: 'restarted'});
	await inbox.arrival(undefined, never);
	t.deepEqual(
		inbox.take().map(({source}) => source),
		['files', 'nodeAddresses'],
	);
	t.deepEqual(inbox.take(), []);
});

test('the age of mail is that of the oldest that nobody took', async (t) => {
	const clock = new FakeClock();
	const inbox = new Inbox(clock);
	t.is(inbox.waitingSince, undefined);
	const since = clock.now();
	inbox.push({source: 'files', changes: []});
	await clock.advance(5);
	inbox.push({source: 'files', changes: []});
	t.is(inbox.waitingSince, since);
	inbox.take();
	t.is(inbox.waitingSince, undefined);
});

test('waiting ends with mail, with time or with the signal, and leaves no timer behind', async (t) => {
	const clock = new FakeClock();
	const inbox = new Inbox(clock);
	const stop = new AbortController();
	const byMail = inbox.arrival(100, stop.signal);
	inbox.push({source: 'files', changes: []});
	await byMail;
	t.is(clock.timers, 0);
	inbox.take();
	const byTime = inbox.arrival(100, stop.signal);
	await clock.advance(100);
	await byTime;
	const bySignal = inbox.arrival(undefined, stop.signal);
	stop.abort();
	await bySignal;
	await inbox.arrival(undefined, stop.signal);
	t.is(clock.timers, 0);
});
