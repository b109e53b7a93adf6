import anyTest from 'ava';
import {askLab} from '../lab/ask.ts';
import {Daemon, runFairlead} from '../lab/daemon.ts';
import {ObjectFolder} from '../lab/object-folder.ts';
import {readScenarios} from '../lab/scenario.ts';
import {buildLab, type Lab} from '../lab/topology.ts';

const test = anyTest.serial; // one node, one daemon
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

/** Those whose outcome hangs on something that only the real process reads: flags, files, the node's addresses. */
const chosen = [
	'internal-local-external-local',
	'detect-by-node-cidr',
	'detect-by-interface-prefix',
	'node-port-on-all-addresses',
	'node-port-addresses',
	'masquerade-all',
	'source-ranges',
];

for (const name of chosen) {
	test(`${name}: with the real daemon, packets go where the table says`, async (t) => {
		const scenario = readScenarios().find((each) => each.name === name);
		const flags = [...(scenario?.flags ?? [])].flatMap(([flag, value]) => [`--${flag}`, value]);
		const daemon = new Daemon(lab.hosts.n1, [...folder.stateFlags, '--objects', scenario?.objectsPath ?? '', ...flags]);
		await daemon.ready();
		t.deepEqual(await askLab(lab, scenario?.tables ?? []), []);
		await daemon.kill('SIGTERM');
		await runFairlead(lab.hosts.n1, ['cleanup']);
		t.is((await lab.hosts.n1.exec('nft', ['list', 'tables'])).stdout, '');
	});
}
