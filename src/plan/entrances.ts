import type {Service} from '../model/objects.ts';
import {type Address, type Family, familyOf} from '../net/address.ts';
import {type Because, type FrontendKind, frontendKey} from './frontend.ts';
import type {NodeView} from './node.ts';
import type {Unserved} from './plan.ts';
import type {PortView} from './port-view.ts';
import {type SourceRanges, sourceRanges} from './source-ranges.ts';

/** An address and port where traffic from outside the cluster enters a service port. */
export type Entrance = {
	readonly kind: Exclude<FrontendKind, 'clusterIP'>;
	readonly address: Address;
	readonly port: number;
	readonly because: readonly Because[];
	/** Undefined when anyone may enter. */
	readonly ranges: SourceRanges | undefined;
};

/** The external entrances of a service port in its family: load-balancer IPs, external IPs, and node ports. */
export function entrancesOf({service, names, port, family}: PortView, node: NodeView): readonly Entrance[] {
	if (isOnlyInternal(service) && port.nodePort === 0) {
		return none;
	}

	const entrances: Entrance[] = [];
	if (service.loadBalancerIngress.length > 0) {
		const ranges = sourceRanges(service, family, node);
		const field = 'status.loadBalancer.ingress';
		const because = [{object: names.service, field, decided: 'an IP of the load balancer, with ipMode VIP'}];
		for (const {address, ipMode} of service.loadBalancerIngress) {
			if (ipMode === 'VIP' && familyOf(address) === family) {
				entrances.push({kind: 'loadBalancerIP', address, port: port.port, because, ranges});
			}
		}
	}

	for (const address of service.externalIps) {
		if (familyOf(address) === family) {
			const because = [{object: names.service, field: 'spec.externalIPs', decided: 'an external IP of the Service'}];
			entrances.push({kind: 'externalIP', address, port: port.port, because, ranges: undefined});
		}
	}

	if (port.nodePort !== 0) {
		const kind = {object: names.service, field: 'spec.ports[].nodePort', decided: 'a node port of the Service'};
		for (const {address, because} of node.nodePorts[family].addresses) {
			entrances.push({kind: 'nodePort', address, port: port.nodePort, because: [kind, because], ranges: undefined});
		}
	}

	return entrances;
}

const none: readonly never[] = [];

/** As nearly every Service is: nothing but cluster IPs. */
function isOnlyInternal({externalIps, loadBalancerIngress}: Service): boolean {
	return externalIps.length === 0 && loadBalancerIngress.length === 0;
}

/** What a service port asks for and does not get, whatever other Services ask for. */
export function missingEntrances(view: Omit<PortView, 'family'>, node: NodeView): readonly Unserved[] {
	const {service, port} = view;
	const isServed = service.clusterIps.every((address) => node.families.includes(familyOf(address)));
	if (isOnlyInternal(service) && port.nodePort === 0 && isServed) {
		return none;
	}

	const missing: Unserved[] = [];
	const inUse: Family[] = [];
	for (const address of service.clusterIps) {
		if (node.families.includes(familyOf(address))) {
			inUse.push(familyOf(address));
		} else {
			missing.push(missingAddress(view, address, 'spec.clusterIPs', `this node serves no ${familyOf(address)}`));
		}
	}

	for (const {address, ipMode} of service.loadBalancerIngress) {
		if (ipMode === 'Proxy') {
			const decided = 'ipMode Proxy: connections are left to the load balancer';
			missing.push(missingAddress(view, address, 'status.loadBalancer.ingress', decided));
		} else if (!inUse.includes(familyOf(address))) {
			missing.push(missingAddress(view, address, 'status.loadBalancer.ingress', noClusterIp(address)));
		}
	}

	for (const address of service.externalIps) {
		if (!inUse.includes(familyOf(address))) {
			missing.push(missingAddress(view, address, 'spec.externalIPs', noClusterIp(address)));
		}
	}

	const unserved = port.nodePort === 0 ? [] : inUse.flatMap((family) => node.nodePorts[family].unserved);
	return [...missing, ...unserved.map((because) => ({service: view.name, because}))];
}

function noClusterIp(address: Address): string {
	return `the Service has no ${familyOf(address)} cluster IP on this node, and no backends of another family are used`;
}

type Part = Pick<PortView, 'name' | 'names' | 'port'>;

function missingAddress({name, names, port}: Part, address: Address, field: string, decided: string): Unserved {
	const key = frontendKey(address, port.protocol, port.port);
	return {service: name, key, because: {object: names.service, field, decided}};
}
