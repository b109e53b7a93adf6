import type {Capability} from '../kernel/capabilities.ts';
import type {KernelVersion, NftablesFeatures} from '../kernel/features.ts';
import type {MissingPart} from '../kernel/probes.ts';
import type {Family} from '../net/address.ts';
import {isAsWanted, printWanted, type WantedSysctl} from '../node/conntrack-sysctls.ts';
import {type CheckRow, row} from './check-row.ts';

// What is judged here was read elsewhere: values in, rows out.

/** Fairlead needs so much of nf_tables, and can do more with so much. Source: the table of kernels in the README. */
const [kernelNeeded, kernelOfOwnedTables] = [
	{major: 5, minor: 13},
	{major: 6, minor: 9},
];

export function judgeKernel(version: KernelVersion): readonly CheckRow[] {
	const need = '5.13 or newer; 6.9 for owned tables';
	const remedy = 'Fairlead is not tried on older kernels. Use a newer one.';
	return [row('kernel', isBefore(version, kernelNeeded) ? 'fail' : 'ok', printVersion(version), need, remedy)];
}

/** In its own user namespace, which a try of nf_tables must bear out. */
export function judgeRights(capabilities: ReadonlySet<Capability>, uid: number): readonly CheckRow[] {
	const found = `uid ${uid}, ${capabilities.size === 0 ? 'neither CAP_NET_ADMIN nor CAP_SYS_ADMIN' : [...capabilities].join(', ')}`;
	const remedy = 'Run as root, or give the process CAP_NET_ADMIN (in a Pod: securityContext.capabilities.add).';
	return [row('rights', capabilities.has('CAP_NET_ADMIN') ? 'ok' : 'fail', found, 'CAP_NET_ADMIN', remedy)];
}

/** @param missing by family, of the parts that were tried */
export function judgeParts(missing: ReadonlyMap<Family, readonly MissingPart[]>, tried: number): readonly CheckRow[] {
	const name = 'nf_tables';
	const need = `all ${tried} parts that its tables are made of`;
	const rows = [...missing].flatMap(([family, parts]) =>
		parts.map((part) => row(`${name}: ${part.name}`, 'fail', `${family}: ${part.errno}`, part.name, remedyOf(part))),
	);
	const families = [...missing.keys()].join(' and ');
	return rows.length > 0 ? rows : [row(name, 'ok', `all ${tried} parts, ${families}`, need)];
}

function remedyOf({name}: MissingPart): string {
	const module = modules[name];
	const load = module === undefined ? '' : ` Load it: modprobe ${module}.`;
	return `The kernel was built without it, or may not load the module.${load}`;
}

/** Where the part is a module of its own. Source: net/netfilter/Kconfig, net/ipv4/netfilter/Kconfig */
const modules: Readonly<Record<string, string>> = {
	'nat chains': 'nft_chain_nat',
	dnat: 'nft_nat',
	masquerade: 'nft_masq',
	redirect: 'nft_redir',
	reject: 'nft_reject_ipv4 nft_reject_ipv6',
	'reject with tcp reset': 'nft_reject_ipv4 nft_reject_ipv6',
	fib: 'nft_fib_ipv4 nft_fib_ipv6',
	ct: 'nft_ct',
	numgen: 'nft_numgen',
	jhash: 'nft_hash',
};

export function judgeOwnedTables({ownedTables, persistentTables}: NftablesFeatures): readonly CheckRow[] {
	const owned = ownedTables && persistentTables;
	const found = owned ? 'owned and persistent' : ownedTables ? 'owned, but they end with their owner' : 'plain only';
	const {major, minor} = kernelOfOwnedTables;
	const remedy = `A kernel of ${major}.${minor} or newer has them. Until then anyone who may can delete the tables; a guard table keeps open connections alive.`;
	return [row('owned tables', owned ? 'ok' : 'warn', found, 'owned and persistent', remedy)];
}

export type Conntrack = {
	/** Flows now, and at most; undefined where the kernel does not say. */
	readonly count: number | undefined;
	readonly max: number | undefined;
	/** Whether netlink can list and delete them; undefined where this user cannot know. */
	readonly netlink: boolean | undefined;
	readonly liberal: boolean | undefined;
};

/** Part of its room that may be taken before new connections are in danger. */
const fullFrom = 0.8;

export function judgeConntrack({count, max, netlink, liberal}: Conntrack): readonly CheckRow[] {
	const room = count !== undefined && max !== undefined && max > 0;
	const full = room && count > max * fullFrom;
	const rooms = room
		? row(
				'conntrack: room',
				full ? 'warn' : 'ok',
				`${count} of ${max} flows`,
				`less than ${fullFrom * 100} % taken`,
				'A full table drops new connections. Raise it: sysctl net.netfilter.nf_conntrack_max',
			)
		: row(
				'conntrack: room',
				'unknown',
				'the kernel does not say',
				'a count and a limit',
				'Load it: modprobe nf_conntrack',
			);
	const remedy = 'Stale UDP flows cannot be deleted without it. Load it: modprobe nf_conntrack_netlink';
	const state = netlink === undefined ? 'unknown' : netlink ? 'ok' : 'warn';
	const found = netlink === undefined ? 'not to be found out' : netlink ? 'answers' : 'missing';
	return [
		rooms,
		row('conntrack: netlink', state, found, 'nf_conntrack_netlink', netlink === undefined ? asRoot : remedy),
		...(liberal === undefined ? [] : [judgeLiberal(liberal)]),
	];
}

type FoundSysctl = WantedSysctl & {/** Undefined where there is no such setting. */ readonly found: number | undefined};

/** Whether connection tracking is set as configured: what is not, a row each. */
export function judgeConntrackSettings(settings: readonly FoundSysctl[]): readonly CheckRow[] {
	const wrong = settings.filter((each) => !isAsWanted(each, each.found));
	if (wrong.length === 0) {
		const found = settings.map(({name, found}) => `${shortName(name)} ${found}`).join(', ');
		return [row('conntrack: settings', 'ok', found === '' ? 'none is to be set' : found, 'as configured')];
	}

	const remedy =
		'The daemon sets it where it may. It may not in a Pod without privileges: run `fairlead init` as root.';
	return wrong.map((each) => {
		const [name, need] = [`conntrack: ${shortName(each.name)}`, printWanted(each)];
		return each.found === undefined
			? row(name, 'unknown', 'not there', need, 'Load it: modprobe nf_conntrack')
			: row(name, 'warn', String(each.found), need, remedy);
	});
}

function shortName(name: string): string {
	return name.replace('net.netfilter.nf_conntrack_', '');
}

/**
 * A packet far outside a connection's window is marked invalid and not translated back: whoever gets it answers with a
 * reset. Strictness is the kernel's preset and kube-proxy's, so that this is a note.
 */
function judgeLiberal(liberal: boolean): CheckRow {
	const found = liberal
		? '1: packets outside the window are translated too'
		: '0: packets outside the window are not translated';
	return row('conntrack: tcp_be_liberal', 'ok', found, '1 where connections are reset under loss');
}

const asRoot = 'Run as root to find out.';

function printVersion({major, minor}: KernelVersion): string {
	return `${major}.${minor}`;
}

function isBefore(a: KernelVersion, b: KernelVersion): boolean {
	return a.major < b.major || (a.major === b.major && a.minor < b.minor);
}
