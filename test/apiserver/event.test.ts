import test from 'ava';
import {encodeEvent, eventName, type Happening, happeningKey} from '../../src/apiserver/event.ts';

const happening: Happening = {
	regarding: {kind: 'Service', namespace: 'shop', name: 'web'},
	...{type: 'Warning', reason: 'NotServed', action: 'Plan', note: 'its address is taken', scope: 'node'},
};
const facts = {nodeName: 'n1', apiVersion: 'v1', uid: 'u1'};
const at = Date.UTC(2026, 10, 28, 9, 30, 0, 25);
const once = {happening, count: 1, at, chance: 0};

test('an event, field for field as events.k8s.io/v1 has it', (t) => {
	t.deepEqual(JSON.parse(encodeEvent(once, facts)), {
		apiVersion: 'events.k8s.io/v1',
		kind: 'Event',
		metadata: {name: eventName(once, facts), namespace: 'shop'},
		eventTime: '2026-11-28T09:30:00.025000Z',
		reportingController: 'fairlead',
		reportingInstance: 'n1',
		type: 'Warning',
		reason: 'NotServed',
		action: 'Plan',
		note: 'its address is taken',
		regarding: {apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web', uid: 'u1'},
	});
});

test('what lives in no namespace is told in the namespace default', (t) => {
	const onNode = {...happening, regarding: {kind: 'Node', namespace: '', name: 'n1'}} as const;
	const {metadata, regarding} = JSON.parse(encodeEvent({...once, happening: onNode}, facts));
	t.is(metadata.namespace, 'default');
	t.false('namespace' in regarding);
});

test('a note is cut to 1,024 bytes, at the end of a whole character', (t) => {
	for (const note of ['x'.repeat(1025), `${'x'.repeat(1018)}üüüü`, `x${'ü'.repeat(600)}`]) {
		const sent = JSON.parse(encodeEvent({...once, happening: {...happening, note}}, facts)).note;
		t.true(Buffer.byteLength(sent) <= 1024);
		t.true(Buffer.byteLength(sent) >= 1022);
		t.true(note.startsWith(sent.replace(/ …$/, '')));
	}

	const fits = 'x'.repeat(1024);
	t.is(JSON.parse(encodeEvent({...once, happening: {...happening, note: fits}}, facts)).note, fits);
});

test('what every node finds has one name in the cluster, what one node finds a name of its own', (t) => {
	const shared = {...once, happening: {...happening, scope: 'cluster'}} as const;
	const elsewhere = {...facts, nodeName: 'n2'};
	t.is(eventName(shared, facts), eventName({...shared, at: at + 1, chance: 0.5}, elsewhere));
	t.not(eventName(shared, facts), eventName(shared, {...facts, uid: 'u2'})); // the Service was made anew
	t.is(eventName(once, facts), eventName({...once}, facts));
	t.not(eventName(once, facts), eventName(once, elsewhere));
	t.not(eventName(once, facts), eventName({...once, chance: 0.5}, facts));
	t.not(happeningKey(happening), happeningKey({...happening, note: 'for another reason'}));
});

test('the longest name of an object, cut anywhere, still makes a name that the API server takes', (t) => {
	const name = `${'a'.repeat(228)}.-${'b'.repeat(20)}`;
	const long = eventName({...once, happening: {...happening, regarding: {...happening.regarding, name}}}, facts);
	t.regex(long, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
	t.true(long.length <= 253);
});
