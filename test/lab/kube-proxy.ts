import {createHash} from 'node:crypto';
import type {Endpoint, EndpointSlice, Service, ServicePort} from '../../src/model/objects.ts';
import {parseObject} from '../../src/model/parse.ts';
import type {Family} from '../../src/net/address.ts';
import {printPrefix} from '../../src/net/prefix.ts';
import {type BaseOptions, familyNames, kubeProxyBase} from './kube-proxy-base.ts';

export type KubeProxyOptions = BaseOptions & {
	readonly nodeName: string;
	/** Addresses on which node ports are served: those of the Node object, as `primary` has it. */
	readonly nodeIps: readonly string[];
};

/**
 * What the real kube-proxy in nftables mode has in its table of one family for these objects, as text for `nft -f`.
 * Hints of zones are not looked at. Source: pkg/proxy/nftables/proxier.go, 1.36
 */
export function kubeProxyTable(objects: readonly unknown[], options: KubeProxyOptions): string {
	const parsed = objects.map((object) => parseObject(object)?.object);
	const slices = parsed.filter((object) => object?.kind === 'EndpointSlice');
	const services = parsed.filter((object) => object?.kind === 'Service');
	const {table} = familyNames[options.family];
	const nodeIps = options.nodeIps.filter((address) => isOf(options.family, address));
	const rules = services.flatMap((service) => {
		const own = slices.filter((slice) => slice.service === service.name && slice.family === options.family);
		return service.ports.flatMap((port) => new ServicePortRules(service, port, own, options).lines());
	});
	return [kubeProxyBase(options), `add element ${table} kube-proxy nodeport-ips { ${nodeIps.join(', ')} }\n`]
		.concat(rules.map((line) => line.replace(/^add (\w+) /, `add $1 ${table} kube-proxy `).concat('\n')))
		.join('');
}

function isOf(family: Family, address: string): boolean {
	return address.includes(':') === (family === 'IPv6');
}

/** An address and port of one family as nft writes what a packet is translated to. */
function target({address, port}: Backend): string {
	return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

type Backend = {readonly address: string; readonly port: number; readonly local: boolean};

/** Lines of one service port, as `add KIND NAME …` without the table. */
class ServicePortRules {
	readonly #service: Service;
	readonly #port: ServicePort;
	readonly #options: KubeProxyOptions;
	readonly #ip: 'ip' | 'ip6';
	/** `tcp` or `udp`. */
	readonly #l4: string;
	readonly #name: string;
	readonly #cluster: readonly Backend[];
	readonly #local: readonly Backend[];

	constructor(service: Service, port: ServicePort, slices: readonly EndpointSlice[], options: KubeProxyOptions) {
		[this.#service, this.#port, this.#options] = [service, port, options];
		this.#ip = familyNames[options.family].table;
		this.#l4 = port.protocol.toLowerCase();
		const path = `${service.namespace}/${service.name}/${this.#l4}/${port.name}`;
		this.#name = `${createHash('sha256').update(path).digest('hex').slice(0, 8)}-${path}`;
		const endpoints = slices.flatMap((slice) => {
			const found = slice.ports.find(({name, protocol}) => name === port.name && protocol === port.protocol);
			return found === undefined ? [] : slice.endpoints.map((endpoint) => ({endpoint, port: found.port}));
		});
		this.#cluster = this.#usable(endpoints);
		this.#local = this.#usable(endpoints.filter(({endpoint}) => endpoint.nodeName === options.nodeName));
	}

	lines(): string[] {
		const {internalTrafficPolicy: internal, externalTrafficPolicy: external, clusterIps} = this.#service;
		const clusterIp = clusterIps.find((address) => isOf(this.#options.family, address));
		if (clusterIp === undefined) {
			return [];
		}

		const outer = this.#externalIps().map((address) => `${address} . ${this.#l4} . ${this.#port.port}`);
		const inner = `${clusterIp} . ${this.#l4} . ${this.#port.port}`;
		const nodePort = this.#port.nodePort === 0 ? [] : [`${this.#l4} . ${this.#port.nodePort}`];
		return [
			`add element cluster-ips { ${clusterIp} }`,
			...this.#policyChain('service', this.#cluster),
			...this.#policyChain('local', this.#local),
			...this.#externalChain(external === 'Local'),
			...this.#firewall(),
			...this.#frontend('service-ips', 'no-endpoint-services', inner, internal === 'Local', 'service'),
			...outer.flatMap((key) =>
				this.#frontend('service-ips', 'no-endpoint-services', key, external === 'Local', 'external'),
			),
			...nodePort.flatMap((key) =>
				this.#frontend('service-nodeports', 'no-endpoint-nodeports', key, external === 'Local', 'external'),
			),
			...this.#cluster
				.filter(({local}) => local)
				.map(
					({address, port}) => `add element hairpin-connections { ${address} . ${address} . ${this.#l4} . ${port} }`,
				),
		];
	}

	/** Ready ones; where there are none, those that end and still serve. */
	#usable(endpoints: readonly {readonly endpoint: Endpoint; readonly port: number}[]): readonly Backend[] {
		const ready = endpoints.filter(({endpoint}) => endpoint.ready);
		const ending = endpoints.filter(({endpoint: {serving, terminating}}) => serving && terminating);
		return (ready.length > 0 ? ready : ending).map(({endpoint: {address, nodeName}, port}) => {
			return {address, port, local: nodeName === this.#options.nodeName};
		});
	}

	#externalIps(): readonly string[] {
		const {externalIps, loadBalancerIngress} = this.#service;
		const all = [...externalIps, ...loadBalancerIngress.map(({address}) => address)];
		return all.filter((address) => isOf(this.#options.family, address));
	}

	/** Where new connections to an address go: on, nowhere (endpoints, but none that the policy allows), or back. */
	#frontend(map: string, without: string, key: string, isLocal: boolean, purpose: 'service' | 'external'): string[] {
		if (this.#cluster.length === 0) {
			return [`add element ${without} { ${key} : goto reject-chain }`];
		}

		const chain = purpose === 'service' && isLocal ? 'local' : purpose;
		const dropped = isLocal && this.#local.length === 0 ? [`add element ${without} { ${key} : drop }`] : [];
		const served = purpose === 'external' || !isLocal || this.#local.length > 0;
		return [...dropped, ...(served ? [`add element ${map} { ${key} : goto ${chain}-${this.#name} }`] : [])];
	}

	#policyChain(purpose: 'service' | 'local', backends: readonly Backend[]): string[] {
		const chain = `${purpose}-${this.#name}`;
		if (backends.length === 0) {
			return [];
		}

		if (this.#service.affinityTimeoutSeconds !== undefined) {
			return this.#stickyChain(chain, backends, this.#service.affinityTimeoutSeconds);
		}

		const slots = backends.map(({address, port}, slot) => `${slot} : ${address} . ${port}`);
		const choice = `numgen random mod ${backends.length} map { ${slots.join(', ')} }`;
		return [
			`add chain ${chain}`,
			`add rule ${chain} meta l4proto ${this.#l4} dnat ${this.#ip} addr . port to ${choice}`,
		];
	}

	#stickyChain(chain: string, backends: readonly Backend[], timeoutSeconds: number): string[] {
		const names = backends.map(({address, port}) => `${this.#name}__${address.replaceAll(':', '.')}/${port}`);
		const slots = names.map((name, slot) => `${slot} : goto endpoint-${name}`);
		const source = `${this.#ip} saddr`;
		const type = familyNames[this.#options.family].address;
		return [
			...backends.flatMap((backend, index) => [
				`add set affinity-${names[index]} { type ${type}; flags dynamic,timeout; timeout ${timeoutSeconds}s; }`,
				`add chain endpoint-${names[index]}`,
				`add rule endpoint-${names[index]} update @affinity-${names[index]} { ${source} }`,
				`add rule endpoint-${names[index]} meta l4proto ${this.#l4} dnat to ${target(backend)}`,
			]),
			`add chain ${chain}`,
			...names.map((name) => `add rule ${chain} ${source} @affinity-${name} goto endpoint-${name}`),
			`add rule ${chain} numgen random mod ${backends.length} vmap { ${slots.join(', ')} }`,
		];
	}

	#externalChain(isLocal: boolean): string[] {
		const [chain, service] = [`external-${this.#name}`, `service-${this.#name}`];
		if (this.#cluster.length === 0) {
			return [];
		}

		const own = this.#local.length === 0 ? [] : [`goto local-${this.#name}`];
		const rules = isLocal
			? [
					`${this.#ip} saddr ${this.#options.clusterCidr} goto ${service}`,
					'fib saddr type local mark set mark or 0x4000',
					`fib saddr type local goto ${service}`,
					...own,
				]
			: ['mark set mark or 0x4000', `goto ${service}`];
		return [`add chain ${chain}`, ...rules.map((rule) => `add rule ${chain} ${rule}`)];
	}

	#firewall(): string[] {
		const {loadBalancerSourceRanges, loadBalancerIngress} = this.#service;
		const ranges = loadBalancerSourceRanges.map(printPrefix).filter((prefix) => isOf(this.#options.family, prefix));
		const vips = loadBalancerIngress.filter(({address}) => isOf(this.#options.family, address));
		if (ranges.length === 0) {
			return [];
		}

		const chain = `firewall-${this.#name}`;
		return [
			`add chain ${chain}`,
			`add rule ${chain} ${this.#ip} saddr != { ${ranges.join(', ')} } drop`,
			...vips.map(
				({address}) => `add element firewall-ips { ${address} . ${this.#l4} . ${this.#port.port} : goto ${chain} }`,
			),
		];
	}
}
