import type {Rtnetlink} from '../kernel/route.ts';
import {macFromBytes} from '../net/mac.ts';
import {decodeAttributes} from '../wire/attribute.ts';
import {linkFlags, portAttributes} from '../wire/link.ts';
import {differingDisciplines} from './check-shaping.ts';
import {gatewayMac, type LinkPlan} from './link-plan.ts';
import {addressesOf, findLink, type Link, neighbourOf, routesOf} from './link-reading.ts';
import {hostBits, printRoute, type RouteDraft} from './link-requests.ts';
import {findRoute} from './node-mtu.ts';
import {podAddresses, podRoutes} from './pod-end.ts';

/** What of a plan is not so in the kernel, a sentence each; of both ends, the pod's first. */
export function differences(plan: LinkPlan, node: Rtnetlink, pod: Rtnetlink): readonly string[] {
	return [...podDifferences(plan, pod), ...nodeDifferences(plan, node)];
}

function podDifferences(plan: LinkPlan, pod: Rtnetlink): string[] {
	const {ifName, mac, mtuBytes, addresses, bridge} = plan;
	const link = findLink(pod, {name: ifName});
	if (link === undefined) {
		return [`the pod has no interface ${ifName}`];
	}

	const {index} = link;
	const found = new Set(addressesOf(pod, index).map(({address, bits}) => `${address}/${bits}`));
	const wanted = podAddresses(plan).map(({address, bits}) => `${address}/${bits}`);
	const gateways = bridge === undefined ? addresses.map(({gateway}) => gateway) : [];
	return [
		...endDifferences(`${ifName} of the pod`, link, mtuBytes),
		...differs(`${ifName} of the pod has the MAC`, mac, macOf(link)),
		...wanted.filter((each) => !found.has(each)).map((each) => `${ifName} of the pod has no address ${each}`),
		...gateways.flatMap((gateway) =>
			differs(`the pod has its gateway ${gateway} at`, gatewayMac, neighbourOf(pod, gateway, index)),
		),
		...missingRoutes(podRoutes(plan, index), routesOf(pod, index)),
	];
}

function nodeDifferences(plan: LinkPlan, node: Rtnetlink): string[] {
	const {link: name, alias, mtuBytes, bridge} = plan;
	const link = findLink(node, {name});
	if (link === undefined) {
		return [`the node has no interface ${name}`];
	}

	return [
		...endDifferences(name, link, mtuBytes),
		...differs(`${name} has the alias`, alias, link.alias),
		...(bridge === undefined ? routedDifferences(plan, node, link) : portDifferences(plan, node, link)),
		...differingDisciplines(plan, node, link.index),
	];
}

function endDifferences(name: string, {flags, mtuBytes}: Link, wantedMtu: number): string[] {
	const down = (flags & linkFlags.up) === 0 ? [`${name} is down`] : [];
	return [...down, ...differs(`${name} has the MTU`, wantedMtu, mtuBytes)];
}

function routedDifferences({addresses, mac, link: name}: LinkPlan, node: Rtnetlink, link: Link): string[] {
	return [
		...differs(`${name} has the MAC`, gatewayMac, macOf(link)),
		...addresses.flatMap(({address}) => {
			const route = findRoute(node, address);
			const routed = route?.link === link.index && route.destinationBits === hostBits(address);
			const lost = routed ? [] : [`the node has no route to ${address} by ${name}`];
			return [...lost, ...differs(`the node has ${address} at`, mac, neighbourOf(node, address, link.index))];
		}),
	];
}

function portDifferences({bridge, link: name}: LinkPlan, node: Rtnetlink, {master, info}: Link): string[] {
	const found = master === undefined ? undefined : findLink(node, {index: master})?.name;
	const isPort = info?.portKind === 'bridge' && info.portData !== undefined;
	const {hairpin} = isPort ? decodeAttributes(portAttributes, info.portData) : {};
	return [
		...differs(`${name} is a port of`, bridge?.name, found),
		...differs(`${name} sends back what came in by it:`, bridge?.hairpin, hairpin === 1),
	];
}

function missingRoutes(wanted: readonly RouteDraft[], found: readonly RouteDraft[]): string[] {
	return wanted
		.filter((route) => !found.some((each) => isSameRoute(route, each)))
		.map((route) => `the pod has no route to ${printRoute(route)}`);
}

/** What a plan leaves out the kernel chose. */
function isSameRoute(wanted: RouteDraft, found: RouteDraft): boolean {
	return Object.entries(wanted).every(
		([name, value]) => value === undefined || name === 'scope' || value === found[name as keyof RouteDraft],
	);
}

function macOf({address}: Link): string | undefined {
	return address === undefined ? undefined : macFromBytes(address);
}

/** @param what ends before the value, as `eth0 has the MTU` */
function differs<T>(what: string, wanted: T, found: T | undefined): string[] {
	return found === wanted ? [] : [`${what} ${found ?? 'none'}, not ${wanted}`];
}
