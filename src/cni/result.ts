import {
	child,
	eachItem,
	type Field,
	invalid,
	isPresent,
	readAddress,
	readInteger,
	readPrefix,
	readText,
	readTextOrNone,
	rootField,
} from '../model/fields.ts';
import {type Address, parseAddress} from '../net/address.ts';
import {printPrefix} from '../net/prefix.ts';
import type {Dns, Interface, Ip, Result, Route, Version} from './spec.ts';

/** The result as `version` writes it: what is younger than it is left out. Source: SPEC.md of each version, section 5 */
export function printResult({interfaces, ips, routes, dns}: Result, version: Version): object {
	const isNewest = version === '1.1.0';
	return {
		cniVersion: version,
		interfaces: interfaces.map(({name, mac, mtu, sandbox}) => ({name, mac, ...(isNewest && {mtu}), sandbox})),
		ips: ips.map(({address, bits, gateway, interface: index}) => ({
			...((version === '0.3.1' || version === '0.4.0') && {version: address.includes(':') ? '6' : '4'}),
			address: `${address}/${bits}`,
			gateway,
			interface: index,
		})),
		routes: routes.map(({dst, gw, ...rest}) => ({dst: printPrefix(dst), gw, ...(isNewest && rest)})),
		dns,
	};
}

/**
 * The result of the plugins before this one, of any version.
 *
 * @throws NetError OBJECT_INVALID with the field and what it should be
 */
export function parseResult(json: unknown): Result {
	const root = rootField(json, 'prevResult');
	return {
		interfaces: eachItem(root, 'interfaces', readInterface),
		ips: eachItem(root, 'ips', readIp),
		routes: eachItem(root, 'routes', readRoute),
		dns: readDns(child(root, 'dns')),
	};
}

/** What two plugins of a chain made, as one result. */
export function mergeResults(before: Result, after: Result): Result {
	const shift = before.interfaces.length;
	const ips = after.ips.map((ip) => ({
		...ip,
		interface: ip.interface === undefined ? undefined : ip.interface + shift,
	}));
	return {
		interfaces: [...before.interfaces, ...after.interfaces],
		ips: [...before.ips, ...ips],
		routes: [...before.routes, ...after.routes],
		dns: Object.values(after.dns).some((value) => value !== undefined) ? after.dns : before.dns,
	};
}

function readInterface(list: Field, index: number): Interface {
	const field = child(list, index);
	const optional = (step: string) => readTextOrNone(field, step) || undefined;
	return {
		name: readText(field, 'name'),
		mac: optional('mac'),
		mtu: isPresent(field, 'mtu') ? readInteger(field, 'mtu', 0, 2 ** 31) : undefined,
		sandbox: optional('sandbox'),
	};
}

function readIp(list: Field, at: number): Ip {
	const field = child(list, at);
	const [, address = '', bits = ''] = /^(.*)\/(\d{1,3})$/.exec(readText(field, 'address')) ?? [];
	let parsed: Address;
	try {
		parsed = parseAddress(address);
	} catch (cause) {
		throw invalid(field, 'address', 'an address and a length such as 10.244.1.5/32', cause);
	}

	return {
		address: parsed,
		bits: Number(bits),
		gateway: isPresent(field, 'gateway') ? readAddress(field, 'gateway') : undefined,
		interface: isPresent(field, 'interface') ? readInteger(field, 'interface', -1, 2 ** 31) : undefined,
	};
}

/** A route, of a result or of a configuration; the fields behind `gw` are of 1.1.0. */
export function readRoute(list: Field, index: number): Route {
	const route = child(list, index);
	const number = (step: string) => (isPresent(route, step) ? readInteger(route, step, 0, 2 ** 32 - 1) : undefined);
	return {
		dst: readPrefix(route, 'dst'),
		gw: readTextOrNone(route, 'gw') === '' ? undefined : readAddress(route, 'gw'),
		mtu: number('mtu'),
		advmss: number('advmss'),
		priority: number('priority'),
		table: number('table'),
		scope: number('scope'),
	};
}

export function readDns(field: Field): Dns {
	return {
		nameservers: readTexts(field, 'nameservers'),
		domain: readTextOrNone(field, 'domain') || undefined,
		search: readTexts(field, 'search'),
		options: readTexts(field, 'options'),
	};
}

/** Absent where the list is empty. */
export function readTexts(field: Field, step: string): readonly string[] | undefined {
	const texts = eachItem(field, step, (list, index) => readText(list, index));
	return texts.length === 0 ? undefined : texts;
}
