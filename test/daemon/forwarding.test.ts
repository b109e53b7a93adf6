import {mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {applyForwarding} from '../../src/daemon/forwarding.ts';
import {directoryOf} from '../support/directory.ts';
import {memoryLog} from '../support/memory-log.ts';
import {constantSysctl} from '../support/sysctl-folder.ts';

const [ipv4, ipv6] = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'];

function folderOf(t: ExecutionContext): {readonly root: string; readonly path: (name: string) => string} {
	const root = directoryOf(t);
	const path = (name: string) => join(root, name);
	for (const name of [ipv4, ipv6]) {
		mkdirSync(dirname(path(name)), {recursive: true});
		writeFileSync(path(name), '0\n');
	}

	return {root, path};
}

test('forwarding is switched on for the families of pods, and that is said once', async (t) => {
	const {root, path} = folderOf(t);
	const {log, lines} = memoryLog();
	await applyForwarding(['IPv4'], log, root);
	t.is(readFileSync(path(ipv4), 'utf8').trim(), '1');
	t.is(readFileSync(path(ipv6), 'utf8').trim(), '0');
	await applyForwarding(['IPv4'], log, root);
	t.deepEqual(lines.length, 1);
});

test('forwarding that cannot be switched on is named, with what pods lose by it, and keeps no other family from it', async (t) => {
	const {root, path} = folderOf(t);
	const {log, lines} = memoryLog();
	symlinkSync(constantSysctl.file, `${path(ipv4)}.new`);
	renameSync(`${path(ipv4)}.new`, path(ipv4));
	await applyForwarding(['IPv4', 'IPv6'], log, root);
	t.is(readFileSync(path(ipv6), 'utf8').trim(), '1');
	t.regex(JSON.stringify(lines), /net\.ipv4\.ip_forward.*forwarding is off: pods reach nobody but this node/);
});
