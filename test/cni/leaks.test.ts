import {mkdirSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import type {Attachment} from '../../src/cni/attachment.ts';
import {leaksAmong, noSuspects, type Observation, suspect} from '../../src/cni/leaks.ts';
import {observe} from '../../src/cni/observe.ts';
import {buildAttachment} from '../support/attachments.ts';
import {directoryOf} from '../support/directory.ts';

const graceMs = 60_000;
const attachment = buildAttachment({}, '10.0.0.2');

/** A moment at which nothing is left of `attachment`, but for what a test says. */
function seen(at: number, more: Partial<Observation> = {}): Observation {
	return {at, links: new Set(), netns: new Map([[attachment.netns, 'gone']]), cache: new Set(), ...more};
}

/** What is certain after these observations, one after the other. */
function leaks(observations: readonly Observation[], attachments: readonly Attachment[] = [attachment]) {
	const suspects = observations.reduce((before, each) => suspect(before, attachments, each), noSuspects);
	return leaksAmong(suspects, observations.at(-1)?.at ?? 0, graceMs);
}

test('an attachment whose namespace, link and cache entry are gone twice, a minute apart, is left over', (t) => {
	t.deepEqual(leaks([seen(0)]).attachments, [], 'once is not enough');
	t.deepEqual(leaks([seen(0), seen(59_999)]).attachments, [], 'too soon');
	t.deepEqual(leaks([seen(0), seen(30_000), seen(60_000)]).attachments, ['c1/eth0']);
	t.deepEqual(leaksAmong(suspect(noSuspects, [attachment], seen(0)), 0, 0).attachments, [], 'not even without grace');
});

test('one sign of life, at any of the observations, makes it alive', (t) => {
	const signs: readonly (readonly [string, Partial<Observation>])[] = [
		['its link is there', {links: new Set(['fairc1'])}],
		['its namespace is there', {netns: new Map([[attachment.netns, attachment.netnsInode]])}],
		['nobody could look at its namespace', {netns: new Map()}],
		['the runtime knows it', {cache: new Set(['pods-c1-eth0'])}],
	];
	for (const [sign, more] of signs) {
		t.deepEqual(leaks([seen(0), seen(90_000, more)]).attachments, [], sign);
		t.deepEqual(leaks([seen(0), seen(1000, more), seen(60_500)]).attachments, [], `${sign}, between`);
		t.deepEqual(leaks([seen(0, more), seen(1000), seen(61_000)]).attachments, ['c1/eth0'], `${sign}, before`);
	}
});

test('another namespace at its path is not its own', (t) => {
	const other = {netns: new Map([[attachment.netns, 7]])};
	t.deepEqual(leaks([seen(0, other), seen(60_000, other)]).attachments, ['c1/eth0']);
});

test('where the runtime’s folder cannot be read, namespace and link decide', (t) => {
	const blind = {cache: undefined};
	t.deepEqual(leaks([seen(0, blind), seen(60_000, blind)]).attachments, ['c1/eth0']);
});

test('a link of ours that no attachment names, twice, is left over; links of others and bridges in use are not', (t) => {
	const links = new Set(['fairc1', 'fairold', 'fairbridge', 'eth0', 'cali1']);
	const onBridge = buildAttachment({bridge: 'fairbridge'}, '10.0.0.2');
	t.deepEqual(leaks([seen(0, {links}), seen(60_000, {links})], [onBridge]).links, ['fairold']);
	t.deepEqual(leaks([seen(0, {links}), seen(1000), seen(60_000, {links})], [onBridge]).links, [], 'gone between');
	t.deepEqual(leaks([seen(0, {links})], [onBridge]).links, []);
});

test('an observation finds namespaces by number, those that are gone, and the runtime’s files', async (t) => {
	const folder = directoryOf(t);
	const [path, cache] = [join(folder, 'netns'), join(folder, 'results')];
	writeFileSync(path, '');
	mkdirSync(cache);
	writeFileSync(join(cache, 'pods-c1-eth0'), '');
	const links = new Set(['fairc1']);
	const present = {present: async () => await Promise.resolve(links)};
	const attachments = [
		{netns: path},
		{netns: join(folder, 'none')},
		{netns: join(path, 'under')},
		{netns: `/x${'x'.repeat(300)}`},
	];
	t.deepEqual(await observe(attachments, present, () => 5, cache), {
		at: 5,
		links,
		netns: new Map<string, number | 'gone'>([
			[path, statSync(path).ino],
			[join(folder, 'none'), 'gone'],
			[join(path, 'under'), 'gone'],
		]), // nobody can look at a name that is too long
		cache: new Set(['pods-c1-eth0']),
	});
	rmSync(cache, {recursive: true});
	t.is((await observe([], present, () => 5, cache)).cache, undefined);
});
