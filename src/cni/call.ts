import {NetError} from '../errors.ts';
import {type NetworkConfig, parseNetworkConfig} from './network-config.ts';
import {parseResult} from './result.ts';
import type {AttachmentId, PodName, Result, Verb, Version} from './spec.ts';
import {versions} from './spec.ts';

/** One call of the plugin, understood. */
export type Call =
	| (AttachmentId & {
			readonly verb: 'ADD' | 'CHECK';
			readonly version: Version;
			/** Path of the container's network namespace. */
			readonly netns: string;
			readonly pod: PodName | undefined;
			readonly config: NetworkConfig;
			/** Of the plugins before this one; of a CHECK the final one of the ADD. */
			readonly prevResult: Result | undefined;
	  })
	/** Nothing but who it is counts: a configuration that somebody broke since keeps no pod from ending. */
	| (AttachmentId & {readonly verb: 'DEL'; readonly version: Version})
	| {
			readonly verb: 'GC';
			readonly version: Version;
			readonly network: string;
			/** Containers and interfaces that are in use; all others of this network are to go. */
			readonly valid: readonly {readonly containerId: string; readonly ifName: string}[];
	  }
	| {readonly verb: 'STATUS'; readonly version: Version; readonly network: string; readonly config: NetworkConfig}
	| {readonly verb: 'VERSION'; readonly version: Version};

export type ContainerCall = Extract<Call, {readonly verb: 'ADD' | 'CHECK'}>;

/** Since which version a verb can be asked for. */
const since: Readonly<Record<Verb, Version>> = {
	ADD: '0.3.1',
	DEL: '0.3.1',
	VERSION: '0.3.1',
	CHECK: '0.4.0',
	GC: '1.1.0',
	STATUS: '1.1.0',
};

/** Environment and stdin of one call. */
export type RawCall = {readonly env: Readonly<Record<string, string>>; readonly config: string};

/**
 * What is asked. CNI_PATH is not: no other plugin is called.
 *
 * @throws NetError CNI_ENVIRONMENT, CNI_DECODE, CNI_VERSION, CNI_CONFIG
 * Source: SPEC.md, sections 2 and 4; pkg/skel for the order of checks
 */
export function parseCall({env, config}: RawCall): Call {
	const verb = verbOf(env['CNI_COMMAND']);
	const container = verb === 'ADD' || verb === 'DEL' || verb === 'CHECK' ? containerOf(verb, env) : undefined;
	const json = decode(config);
	const version = versionOf(json, verb);
	if (verb === 'VERSION') {
		return {verb, version};
	}

	const network = networkOf(json);
	if (verb === 'GC') {
		return {verb, version, network, valid: validOf(json)};
	}

	if (container?.verb === 'DEL') {
		return {...container, verb: 'DEL', version, network};
	}

	return asConfig(() => {
		const args = new Map(container === undefined ? [] : argsOf(env));
		const parsed = parseNetworkConfig(json, network, args);
		return container === undefined
			? {verb: 'STATUS', version, network, config: parsed}
			: {...container, version, network, pod: podOf(args), config: parsed, prevResult: prevResultOf(json, verb)};
	});
}

/** The version to answer in, of whatever came as stdin: the newest where it says none that is known. */
export function answerVersion(config: string): Version {
	try {
		return versions.find((version) => version === Object(JSON.parse(config)).cniVersion) ?? '1.1.0';
	} catch {
		return '1.1.0';
	}
}

function verbOf(command: string | undefined): Verb {
	if (command === undefined || !Object.hasOwn(since, command)) {
		const found = JSON.stringify(command ?? '');
		throw new NetError('CNI_ENVIRONMENT', `do CNI_COMMAND ${found}: it is ${Object.keys(since).join(', ')}`);
	}

	return command as Verb;
}

type Container = {readonly verb: ContainerCall['verb'] | 'DEL'} & Pick<
	ContainerCall,
	'containerId' | 'ifName' | 'netns'
>;

function containerOf(verb: Container['verb'], env: RawCall['env']): Container {
	const need = (name: string, pattern: RegExp, wanted: string) => {
		const value = env[name] ?? '';
		if (!pattern.test(value)) {
			throw new NetError('CNI_ENVIRONMENT', `read ${name}=${JSON.stringify(value)}: it has to be ${wanted}`, {
				name,
				value,
			});
		}

		return value;
	};
	return {
		verb,
		containerId: need('CNI_CONTAINERID', /^[a-zA-Z0-9][\w.-]*$/, 'letters, digits, and _ . - behind the first'),
		ifName: need('CNI_IFNAME', /^(?!\.{1,2}$)[^\s/:]{1,15}$/, 'the name of an interface, 1 to 15 characters'),
		netns: need('CNI_NETNS', verb === 'DEL' ? /^(?:\/|$)/ : /^\//, 'the path of a network namespace'),
	};
}

function decode(config: string): Readonly<Record<string, unknown>> {
	let json: unknown;
	try {
		json = JSON.parse(config);
	} catch (cause) {
		throw new NetError('CNI_DECODE', 'read the network configuration: it is no JSON', {bytes: config.length}, cause);
	}

	if (typeof json !== 'object' || json === null || Array.isArray(json)) {
		throw new NetError('CNI_DECODE', 'read the network configuration: it is no JSON object');
	}

	return {...json};
}

function versionOf({cniVersion = '0.1.0'}: Readonly<Record<string, unknown>>, verb: Verb): Version {
	const version = versions.find((each) => each === cniVersion);
	if (version === undefined) {
		const details = {config: cniVersion, plugin: versions};
		throw new NetError(
			'CNI_VERSION',
			`speak version ${JSON.stringify(cniVersion)}: it is ${versions.join(', ')}`,
			details,
		);
	}

	if (versions.indexOf(version) < versions.indexOf(since[verb])) {
		const details = {config: cniVersion, needed: since[verb]};
		throw new NetError('CNI_VERSION', `do ${verb} by version ${version}: it came with ${since[verb]}`, details);
	}

	return version;
}

function networkOf({name}: Readonly<Record<string, unknown>>): string {
	if (typeof name !== 'string' || !/^[a-zA-Z0-9][\w.-]*$/.test(name)) {
		const wanted = 'letters, digits, and _ . - behind the first';
		throw new NetError('CNI_CONFIG', `read the network configuration: name is ${JSON.stringify(name)}, not ${wanted}`);
	}

	return name;
}

/** Without the list nothing is known to be in use, and everything would go. */
function validOf(json: Readonly<Record<string, unknown>>): Extract<Call, {verb: 'GC'}>['valid'] {
	const [name = ''] = ['cni.dev/valid-attachments', 'cni.dev/attachments'].filter((each) => Object.hasOwn(json, each));
	const list = json[name] === null ? [] : json[name]; // Go writes an empty list so
	const isValid = (each: unknown) =>
		typeof Object(each).containerID === 'string' && typeof Object(each).ifname === 'string';
	if (!Array.isArray(list) || !list.every(isValid)) {
		throw new NetError(
			'CNI_CONFIG',
			'collect what is not in use: cni.dev/valid-attachments is no list of {containerID, ifname}',
		);
	}

	return list.map((each) => ({containerId: String(each.containerID), ifName: String(each.ifname)}));
}

/** `K=V;K=V`: the runtime's order is by chance. */
function argsOf(env: RawCall['env']): (readonly [key: string, value: string])[] {
	const pairs = (env['CNI_ARGS'] ?? '').split(';').filter((pair) => pair !== '');
	return pairs.map((pair) => {
		const at = pair.indexOf('=');
		if (at <= 0) {
			throw new NetError('CNI_ENVIRONMENT', `read CNI_ARGS: ${JSON.stringify(pair)} is no KEY=VALUE`, {pair});
		}

		return [pair.slice(0, at), pair.slice(at + 1)] as const;
	});
}

function podOf(args: ReadonlyMap<string, string>): PodName | undefined {
	const [namespace = '', name = '', uid = ''] = ['NAMESPACE', 'NAME', 'UID'].map((part) => args.get(`K8S_POD_${part}`));
	return name === '' || namespace === '' ? undefined : {namespace, name, uid};
}

function prevResultOf({prevResult}: Readonly<Record<string, unknown>>, verb: Verb): Result | undefined {
	if (prevResult === undefined && verb === 'CHECK') {
		throw new NetError('CNI_CONFIG', 'check without prevResult, the result of the ADD');
	}

	return prevResult === undefined ? undefined : parseResult(prevResult);
}

function asConfig<T>(read: () => T): T {
	try {
		return read();
	} catch (error) {
		if (error instanceof NetError && error.code === 'OBJECT_INVALID') {
			throw new NetError('CNI_CONFIG', error.message.replace(/^cannot /, ''), error.details, error.cause);
		}

		throw error;
	}
}
