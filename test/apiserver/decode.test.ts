import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {decodeEvent, decodeItem} from '../../src/apiserver/decode.ts';
import {watchedKinds} from '../../src/apiserver/kinds.ts';
import {serviceJson, sliceJson} from '../support/manifests.ts';

const [services, slices, nodes] = watchedKinds('here');
if (services === undefined || slices === undefined || nodes === undefined) {
	throw new Error('the kinds are not in this order any more');
}

const web = serviceJson({}, {resourceVersion: '7'});
const event = (type: string, object: unknown) => decodeEvent(services, JSON.stringify({type, object}));

test('objects that came and changed are put, those that went are deleted by name, both with their version', (t) => {
	for (const type of ['ADDED', 'MODIFIED']) {
		t.like(event(type, web), {verb: 'put', key: 'shop/web', version: '7', object: {kind: 'Service', name: 'web'}});
	}

	t.deepEqual(event('DELETED', {...web, spec: 'anything'}), {verb: 'delete', key: 'shop/web', version: '7'});
});

test('an item of a list needs not say its kind', (t) => {
	const {kind: _, apiVersion: __, ...item} = {...web};
	t.like(decodeItem(services, JSON.stringify(item)), {verb: 'put', key: 'shop/web', version: '7'});
	t.like(decodeItem(nodes, '{"metadata":{"name":"here"}}'), {verb: 'put', key: 'here', version: ''});
});

test('a slice says when the change happened that it was written for, if that is a time', (t) => {
	const name = 'endpoints.kubernetes.io/last-change-trigger-time';
	const told = (text: unknown) => {
		const slice = sliceJson();
		const metadata = {...(slice['metadata'] as object), annotations: {[name]: text}};
		return decodeItem(slices, JSON.stringify({...slice, metadata}));
	};
	t.like(told('2026-11-28T08:38:06.123456789Z'), {verb: 'put', triggeredAt: Date.UTC(2026, 10, 28, 8, 38, 6, 123)});
	for (const none of ['yesterday', '2026', 'Nov 28 2026', '2026-11-28T08:38:06', '', 5, null]) {
		t.false('triggeredAt' in told(none), String(none));
	}

	t.is(told('yesterday').verb, 'put', 'the slice counts all the same');
});

test('a bookmark says whether it ends the list', (t) => {
	const metadata = {resourceVersion: '9'};
	t.deepEqual(event('BOOKMARK', {metadata}), {verb: 'bookmark', version: '9', endsList: false});
	const annotations = {'k8s.io/initial-events-end': 'true'};
	t.deepEqual(event('BOOKMARK', {metadata: {...metadata, annotations}}), {
		verb: 'bookmark',
		version: '9',
		endsList: true,
	});
});

test('an error says why the watch ends', (t) => {
	const status = {kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version: 1 (2)'};
	t.like(event('ERROR', status), {verb: 'end', refusal: {code: 410, reason: 'Expired'}});
});

test('an object whose name is known but not what to make of it is refused by name', (t) => {
	const told = event('MODIFIED', serviceJson({ports: [{port: 'http'}]}, {resourceVersion: '8'}));
	t.like(told, {verb: 'refuse', key: 'shop/web', version: '8'});
	t.like('problem' in told && told.problem.details, {object: 'Service shop/web', field: 'spec.ports[0].port'});
});

test('what does not even say its name, and an event of a type that is not known, are garbled', (t) => {
	for (const told of [
		event('ADDED', {}),
		event('ADDED', null),
		event('MOVED', web),
		decodeEvent(services, '{"type":'),
	]) {
		t.is(told.verb, 'garble');
	}
});

const anyType = fc.oneof(fc.constantFrom('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'), fc.string());

testProp(
	'any line whatever says something, and nothing is thrown',
	[
		fc.oneof(
			fc.string(),
			fc.json(),
			fc.record({type: anyType, object: fc.jsonValue()}).map((each) => JSON.stringify(each)),
		),
	],
	(t, line) => {
		t.true(['put', 'delete', 'refuse', 'garble', 'bookmark', 'end'].includes(decodeEvent(services, line).verb));
		t.true(['put', 'refuse', 'garble'].includes(decodeItem(nodes, line).verb));
	},
);
