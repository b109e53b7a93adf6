import test from 'ava';
import fc from 'fast-check';
import {askLab} from '../lab/ask.ts';
import {Daemon} from '../lab/daemon.ts';
import {malformedObjects} from '../lab/malformed.ts';
import {allStates, clusterObjects, type MatrixService, matrixObjects, matrixTable} from '../lab/matrix.ts';
import {ObjectFolder, printList} from '../lab/object-folder.ts';
import {buildLab} from '../lab/topology.ts';

const count = 1000;

test('a thousand malformed objects among good ones are each refused by name, and the good ones are served', async (t) => {
	const seed = Date.now() & 0xffff;
	t.log(`seed ${seed}`);
	const [bad = []] = fc.sample(malformedObjects(count), {numRuns: 1, seed});
	const good = allStates.map((state, index): MatrixService => ({...state, name: `web-${index}`, index: index + 1}));
	const [lab, folder] = await Promise.all([buildLab(), ObjectFolder.create()]);
	try {
		await folder.write('cluster.json', printList(clusterObjects()));
		await folder.write('good.json', printList(good.flatMap(matrixObjects)));
		const daemon = new Daemon(lab.hosts.n1, [
			...folder.flags,
			'--hostname-override',
			'n1',
			'--cluster-cidr',
			'10.128.0.0/16,fd00:128::/48',
		]);
		await daemon.ready();
		const half = bad.slice(0, count / 2);
		await folder.write('bad.json', printList(half));
		await Promise.all(
			bad
				.slice(count / 2)
				.map(async (object, index) => await folder.write(`bad-${index}.json`, JSON.stringify(object))),
		);
		await daemon.printed(() =>
			bad.every(
				(object) =>
					daemon.log.includes(`shop/${object.metadata['name']}`) || daemon.log.includes(` ${object.metadata['name']}`),
			),
		);
		t.deepEqual(await askLab(lab, good.map(matrixTable)), []);
		await daemon.ready(); // of those that could not be read none was known before
		await daemon.kill('SIGTERM');
	} finally {
		await lab.end();
		await folder.end();
	}
});
