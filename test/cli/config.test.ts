import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {runHere} from '../support/program.ts';

const kubeadm = new URL('../config/files/kubeadm.yaml', import.meta.url).pathname;

function folder(t: ExecutionContext): string {
	const path = mkdtempSync(join(tmpdir(), 'fairlead-cli-'));
	t.teardown(() => rmSync(path, {recursive: true}));
	return path;
}

test('--write-config-to writes what file and flags make together, and exits', async (t) => {
	const [first, second] = [join(folder(t), 'first.yaml'), join(folder(t), 'second.yaml')];
	const flags = ['--config', kubeadm, '--objects', '/objects', '--proxy-mode', 'nftables'];
	const written = await runHere(['run', ...flags, '--write-config-to', first]);
	t.is(written.code, 0, written.stderr);
	t.is(written.stdout, '');
	t.true(written.stderr.endsWith(`fairlead: the configuration is written to ${first}\n`), written.stderr);
	t.regex(readFileSync(first, 'utf8'), /^clusterCIDR: 10\.244\.0\.0\/16$/m);
	t.regex(readFileSync(first, 'utf8'), /^mode: nftables$/m);
	t.regex(readFileSync(first, 'utf8'), /^objects: \/objects$/m);
	t.is((await runHere(['run', '--config', first, '--write-config-to', second])).code, 0);
	t.is(readFileSync(second, 'utf8'), readFileSync(first, 'utf8'));
});

test('plan reads the file that run reads, and prints its warnings', async (t) => {
	const objects = join(folder(t), 'objects.yaml');
	writeFileSync(
		objects,
		'{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {clusterIP: 10.96.0.9, ports: [{port: 80}]}}\n',
	);
	const flags = ['--config', kubeadm, '--objects', objects, '--node-addresses', '192.0.2.1'];
	const {code, stdout, stderr} = await runHere(['plan', ...flags]);
	t.is(code, 0, stderr);
	t.regex(stdout, /10\.244\.0\.0\/16/);
	t.regex(stderr, /^fairlead: warning: KubeProxyConfiguration\.clientConnection\.kubeconfig is not used: /m);
});

test('the file may be named by a variable', async (t) => {
	process.env['FAIRLEAD_CONFIG'] = '/nowhere';
	t.teardown(() => {
		delete process.env['FAIRLEAD_CONFIG'];
	});
	t.regex((await runHere(['plan', '--objects', 'x'])).stderr, /"\/nowhere"/);
});
