import test from 'ava';
import {filtersFor} from '../../src/conntrack/filter.ts';
import type {Family} from '../../src/net/address.ts';
import {buildStaleFlows} from '../support/flows.ts';

function filters(family: Family, frontends: readonly string[]): readonly string[] {
	return filtersFor(
		family,
		frontends.map((frontend) => buildStaleFlows(frontend)),
	).map(({address, port}) => [address, port].filter((part) => part !== undefined).join(' ') || 'everything');
}

const many = Array.from({length: 9}, (_, index) => index + 1);

test('up to eight frontends are asked for one by one', (t) => {
	t.deepEqual(filters('IPv4', ['10.96.0.10:53', '172.31.1.1:30053']), ['10.96.0.10 53', '172.31.1.1 30053']);
});

test('more are asked for by address, or by port, where those are few; else all UDP flows are', (t) => {
	t.deepEqual(
		filters(
			'IPv4',
			many.map((port) => `10.96.0.10:${port}`),
		),
		['10.96.0.10'],
	);
	t.deepEqual(
		filters(
			'IPv4',
			many.map((host) => `10.96.0.${host}:53`),
		),
		['53'],
	);
	t.deepEqual(
		filters(
			'IPv4',
			many.map((host) => `10.96.0.${host}:${host}`),
		),
		['everything'],
	);
});

test('IPv6 is asked for by port alone: the kernel compares those addresses the wrong way round', (t) => {
	t.deepEqual(filters('IPv6', ['[fd00:96::a]:53', '[fd00:96::b]:53', '[fd00:31::1]:30053']), ['53', '30053']);
	t.deepEqual(
		filters(
			'IPv6',
			many.map((port) => `[fd00:96::a]:${port}`),
		),
		['everything'],
	);
});
