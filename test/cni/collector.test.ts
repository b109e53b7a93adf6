import test, {type ExecutionContext} from 'ava';
import type {Attachment} from '../../src/cni/attachment.ts';
import {Collector} from '../../src/cni/collector.ts';
import {NetError} from '../../src/errors.ts';
import {buildAttachment} from '../support/attachments.ts';
import {directoryOf} from '../support/directory.ts';
import {memoryLog} from '../support/memory-log.ts';

const refusal = new NetError('CNI_KERNEL', 'remove a link');

/** A node where these are written down and these links are there; the namespaces of all are gone. */
function startNode(t: ExecutionContext, attachments: readonly Attachment[], links: readonly string[] = []) {
	const {log, lines} = memoryLog();
	const node = {
		now: 0,
		attachments,
		/** What happens on the node while the collector looks. */
		meanwhile: () => {},
		removed: [] as string[],
		meant: [] as (number | undefined)[],
		stuck: new Set<string>(),
		present: new Set(links),
		lines,
	};
	const remove = async (name: string) => {
		if (node.stuck.has(name)) {
			throw refusal;
		}

		node.removed.push(name);
	};
	const collector = new Collector({
		ipam: {
			get attachments() {
				return node.attachments;
			},
		},
		links: {
			present: async () => {
				node.meanwhile();
				return node.present;
			},
			idle: async () => node.present,
			detach: async ({link}) => await remove(link),
		},
		plugin: {
			remove: async (key, attachment) => {
				node.meant.push(attachment?.since);
				await remove(key);
				return true;
			},
		},
		log,
		now: () => node.now,
		cacheDir: directoryOf(t),
	});
	const lookAt = async (at: number) => {
		node.now = at;
		await collector.collect();
		return node.removed.splice(0);
	};
	return {node, lookAt};
}

const gone = (containerId: string, state: Attachment['state'] = 'attached') =>
	buildAttachment({containerId, state, netns: `/run/netns/gone-${containerId}`}, '10.0.0.2');

test('a container that vanished without a DEL is removed by the second look, half a minute behind the first', async (t) => {
	const {lookAt} = startNode(t, [gone('a')]);
	t.deepEqual(await lookAt(0), []);
	t.deepEqual(await lookAt(29_999), []);
	t.deepEqual(await lookAt(30_000), ['a/eth0']);
});

test('a sign of life between two looks has the grace begin anew', async (t) => {
	const {node, lookAt} = startNode(t, [gone('a')]);
	await lookAt(0);
	node.present.add('faira');
	t.deepEqual(await lookAt(30_000), []);
	node.present.delete('faira');
	t.deepEqual(await lookAt(60_000), []);
	t.deepEqual(await lookAt(90_000), ['a/eth0']);
});

test('what comes anew, during a look, under the name of one that is left over is not what the look removes', async (t) => {
	const old = gone('a');
	const {node, lookAt} = startNode(t, [old]);
	await lookAt(0);
	node.meanwhile = () => {
		node.attachments = [{...old, since: old.since + 1}];
	};
	await lookAt(30_000);
	t.deepEqual(node.meant, [old.since]);
});

test('a link of ours that no attachment names is removed likewise, and no other’s', async (t) => {
	const {lookAt} = startNode(t, [], ['fairstray', 'eth0']);
	t.deepEqual(await lookAt(0), []);
	t.deepEqual(await lookAt(30_000), ['fairstray']);
});

test('a DEL that failed is finished by the next look', async (t) => {
	const {lookAt} = startNode(t, [gone('a', 'deleting')]);
	t.deepEqual(await lookAt(0), ['a/eth0']);
});

test('what cannot be removed does not keep the others, is told, and is tried again', async (t) => {
	const {node, lookAt} = startNode(t, [gone('a', 'deleting'), gone('b', 'deleting')], ['fairstray', 'fairother']);
	node.stuck.add('a/eth0').add('fairstray');
	t.deepEqual(await lookAt(0), ['b/eth0']);
	t.true(node.lines.some((line) => line.includes('a/eth0') && line.includes('CNI_KERNEL')));
	node.stuck.delete('a/eth0');
	t.deepEqual(await lookAt(30_000), ['a/eth0', 'b/eth0', 'fairother']);
});
