import test from 'ava';
import {Daemon} from '../lab/daemon.ts';
import {clusterObjects, type MatrixService, matrixDestinations, matrixObjects} from '../lab/matrix.ts';
import {ObjectFolder, printList} from '../lab/object-folder.ts';
import {buildLab, type Lab} from '../lab/topology.ts';
import {bothFamilies, udp} from '../lab/udp-services.ts';

let lab: Lab;
let folder: ObjectFolder;
test.before(async () => {
	lab = await buildLab();
	folder = await ObjectFolder.create();
});
test.after.always(async () => {
	await lab.end();
	await folder.end();
});

test('with the real daemon, UDP clients follow their Service, also over a restart, and the log counts it', async (t) => {
	const service = {name: 'web', index: 1, internal: 'Cluster', external: 'Cluster'} as const;
	const write = async (location: MatrixService['location']) =>
		await folder.write('web.json', printList(matrixObjects({...service, location})));
	await folder.write('cluster.json', printList(clusterObjects()));
	await write('here');
	const run = () => new Daemon(lab.hosts.n1, [...folder.flags, '--hostname-override', 'n1', '-v', '4']);
	const first = run();
	await first.ready();
	const {clusterIP} = matrixDestinations({...service, location: 'here'});
	const targets = bothFamilies.map((family) => udp(clusterIP.addresses[family], clusterIP.port));
	const heard = async (by: string) =>
		await Promise.all(targets.map(async (target) => await lab.hosts.b.ask('streamed', {target, by})));
	for (const target of targets) {
		await lab.hosts.b.ask('stream', {target, periodMs: 10});
	}

	await heard('a');
	await write('elsewhere');
	await heard('c');
	await first.printed(() => first.log.includes('"10.96.1.1 UDP 80":1'));
	await first.kill('SIGKILL');
	await write('here'); // what happened while nobody looked
	const second = run();
	await heard('a');
	await second.kill('SIGTERM');
	t.regex(second.log, /"msg":"ended"/);
	for (const target of targets) {
		const {runs} = await lab.hosts.b.ask('unstream', target);
		t.deepEqual(
			runs.map(({by}) => by),
			['a', 'c', 'a'],
			target.address,
		);
	}
});
