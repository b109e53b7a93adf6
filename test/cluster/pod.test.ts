import test from 'ava';
import {askLab} from '../lab/ask.ts';
import {readScenarios} from '../lab/scenario.ts';
import {configureKubeProxy} from './kubeadm.ts';
import {objectsOf, withObjects} from './objects.ts';
import {withNode} from './with-node.ts';

const testNode = withNode(test);

for (const scenario of readScenarios()) {
	testNode(`${scenario.name}: with the DaemonSet's Pod, packets go where the table says`, async (t, node) => {
		await configureKubeProxy(node.cluster, scenario.flags);
		await withObjects(node.cluster, objectsOf(scenario), async () => {
			const daemon = await node.startPod();
			t.deepEqual(await askLab(node.lab, scenario.tables), []);
			t.is(await daemon.kill('SIGTERM'), 0);
		});
	});
}
