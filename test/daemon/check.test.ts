import test from 'ava';
import {
	judgeDaemon,
	judgeFamilies,
	judgeForwarding,
	judgeInotify,
	judgeMemory,
	judgeNftTool,
	judgePort,
	judgeStateDir,
} from '../../src/daemon/check-host.ts';
import {
	judgeConntrack,
	judgeConntrackSettings,
	judgeKernel,
	judgeOwnedTables,
	judgeParts,
	judgeRights,
} from '../../src/daemon/check-kernel.ts';
import {type CheckRow, look} from '../../src/daemon/check-row.ts';
import {NetError} from '../../src/errors.ts';

/** The states of rows, as `name state`. */
function states(...rows: readonly CheckRow[]): readonly string[] {
	return rows.map(({name, state}) => `${name} ${state}`);
}

/** Whoever cannot go on is told what to do, and nobody else. */
function hasRemedies(rows: readonly CheckRow[]): boolean {
	return rows.every(({state, remedy}) => (state === 'ok') === (remedy === undefined));
}

test('a kernel before 5.13 fails, and the next one does not', (t) => {
	t.deepEqual(states(...judgeKernel({major: 5, minor: 12}), ...judgeKernel({major: 4, minor: 19})), [
		'kernel fail',
		'kernel fail',
	]);
	t.deepEqual(states(...judgeKernel({major: 5, minor: 13}), ...judgeKernel({major: 6, minor: 0})), [
		'kernel ok',
		'kernel ok',
	]);
});

test('without CAP_NET_ADMIN the rights fail, whatever else there is', (t) => {
	t.deepEqual(states(...judgeRights(new Set(['CAP_SYS_ADMIN']), 0)), ['rights fail']);
	t.deepEqual(states(...judgeRights(new Set(['CAP_NET_ADMIN']), 1000)), ['rights ok']);
	t.regex(judgeRights(new Set(), 1000)[0]?.found ?? '', /uid 1000, neither/);
});

test('each part of nf_tables that is missing fails, with the module to load; none missing is one row', (t) => {
	const rows = judgeParts(
		new Map([
			['IPv4', [{name: 'numgen', errno: 'ENOENT'}]],
			['IPv6', [{name: 'tables of IPv6', errno: 'EOPNOTSUPP'}]],
		]),
		14,
	);
	t.deepEqual(states(...rows), ['nf_tables: numgen fail', 'nf_tables: tables of IPv6 fail']);
	t.regex(rows[0]?.remedy ?? '', /modprobe nft_numgen/);
	t.deepEqual(states(...judgeParts(new Map([['IPv4', []]]), 14)), ['nf_tables ok']);
});

test('tables that are not owned, or end with their owner, are a warning', (t) => {
	const judge = (ownedTables: boolean, persistentTables: boolean) =>
		judgeOwnedTables({ownedTables, persistentTables})[0]?.state;
	t.deepEqual([judge(true, true), judge(true, false), judge(false, false)], ['ok', 'warn', 'warn']);
});

test('conntrack warns when it is four fifths full, and says what this user cannot know', (t) => {
	const judge = (parts: object) =>
		states(...judgeConntrack({count: 0, max: 1000, netlink: true, liberal: false, ...parts}));
	t.deepEqual(judge({count: 800}), ['conntrack: room ok', 'conntrack: netlink ok', 'conntrack: tcp_be_liberal ok']);
	t.is(judge({count: 801})[0], 'conntrack: room warn');
	t.is(judge({max: undefined})[0], 'conntrack: room unknown');
	t.is(judge({netlink: false})[1], 'conntrack: netlink warn');
	t.is(judge({netlink: undefined})[1], 'conntrack: netlink unknown');
	t.is(judge({liberal: undefined}).length, 2);
});

test('conntrack settings are one row where they are as configured; else each that is not, with the way out', (t) => {
	const setting = (name: string, value: number, found: number | undefined) => ({
		...{name: `net.netfilter.nf_conntrack_${name}`, value, found},
		orMore: name === 'max',
	});
	const right = [setting('max', 1000, 2000), setting('udp_timeout', 40, 40)];
	t.deepEqual(states(...judgeConntrackSettings(right)), ['conntrack: settings ok']);
	t.is(judgeConntrackSettings(right)[0]?.found, 'max 2000, udp_timeout 40');
	t.is(judgeConntrackSettings([])[0]?.found, 'none is to be set');
	const rows = judgeConntrackSettings([
		...right,
		setting('max', 1000, 500),
		setting('udp_timeout', 40, 41),
		setting('tcp_be_liberal', 1, undefined),
	]);
	t.deepEqual(states(...rows), [
		'conntrack: max warn',
		'conntrack: udp_timeout warn',
		'conntrack: tcp_be_liberal unknown',
	]);
	t.like(rows[0], {found: '500', need: '1000 or more'});
	t.regex(rows[0]?.remedy ?? '', /fairlead init/);
	t.true(hasRemedies(rows));
});

test('IPv6 that is off is a warning', (t) => {
	t.deepEqual(states(...judgeFamilies(['IPv4']), ...judgeFamilies(['IPv4', 'IPv6'])), [
		'IP families warn',
		'IP families ok',
	]);
});

test('forwarding that is off fails for IPv4, and warns for IPv6 where that is served', (t) => {
	t.deepEqual(states(...judgeForwarding('0', '0')), ['net.ipv4.ip_forward fail', 'net.ipv6.conf.all.forwarding warn']);
	t.deepEqual(states(...judgeForwarding('1', undefined)), ['net.ipv4.ip_forward ok']);
	t.deepEqual(states(...judgeForwarding(undefined, '1')), [
		'net.ipv4.ip_forward fail',
		'net.ipv6.conf.all.forwarding ok',
	]);
});

test('a port is free, the daemon’s, another’s by name, or in use by somebody', (t) => {
	const daemon = {pid: 7, name: 'node'};
	const judge = (owners: readonly {pid: number; name: string}[], by: typeof daemon | undefined) => {
		const {state, found} = judgePort({port: 10_256, purpose: 'health answers', owners}, by);
		return `${state}: ${found}`;
	};
	t.is(judge([], undefined), 'ok: free');
	t.is(judge([daemon, daemon], daemon), "ok: the daemon's");
	t.is(judge([daemon], undefined), 'warn: node, pid 7, listens there');
	t.is(judge([daemon, {pid: 9, name: 'kube-proxy'}], daemon), 'warn: kube-proxy, pid 9, listens there');
	t.is(judge([{pid: 0, name: ''}], undefined), 'warn: in use');
	t.is(judge([{pid: 0, name: ''}], {pid: 0, name: ''}), 'unknown: in use, perhaps by the daemon');
});

test('memory fails below what the daemon takes with few Services, and warns below what it takes with many', (t) => {
	const judge = (mebibytes: number) => judgeMemory(mebibytes * 2 ** 20)[0]?.state;
	t.deepEqual([judge(127), judge(128), judge(319), judge(320)], ['fail', 'warn', 'warn', 'ok']);
});

test('few inotify watches, no nft tool and another daemon are told, a bad state folder fails', (t) => {
	const rows = [
		...judgeInotify(1023, 128),
		...judgeInotify(8192, 15),
		...judgeInotify(8192, 128),
		...judgeNftTool(undefined),
		...judgeNftTool('nftables v1.0.6'),
		...judgeDaemon(undefined),
		...judgeDaemon({pid: 7, name: 'node'}),
		...judgeDaemon({pid: 0, name: ''}),
		...judgeStateDir('/x', 'EACCES'),
		...judgeStateDir('/x', undefined),
	];
	t.is(rows.map(({state}) => state).join(' '), 'warn warn ok warn ok ok ok ok fail ok');
	t.true(hasRemedies(rows));
	t.deepEqual(
		rows.slice(5, 8).map(({found}) => found),
		['none runs', 'one runs, pid 7', 'one runs'],
	);
});

test('what cannot be read is a row that says why, and what to do about it', async (t) => {
	const cannot = (error: Error) =>
		look('x', 'y', () => {
			throw error;
		});
	const denied = new NetError('NETLINK_REFUSED', 'read', {errno: 'EPERM'});
	t.like((await cannot(denied))[0], {name: 'x', state: 'unknown', found: 'cannot read', need: 'y'});
	t.regex((await cannot(denied))[0]?.remedy ?? '', /Run as root/);
	const missing = new NetError('KERNEL_ADDON', 'load');
	t.is((await cannot(missing))[0]?.remedy, missing.hint);
	t.regex((await cannot(new Error('EACCES')))[0]?.remedy ?? '', /as the user/);
});
