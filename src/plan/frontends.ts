import type {Address} from '../net/address.ts';
import type {Choice} from './endpoints.ts';
import type {Entrance} from './entrances.ts';
import {type Backend, type Because, type Frontend, frontendKey, type ServicePortName, type Target} from './frontend.ts';
import type {NodeView} from './node.ts';
import {isExternalLocal} from './policies.ts';
import type {PortView} from './port-view.ts';
import {externalPolicyReason, internalPolicyReason, type Names} from './reasons.ts';

/** A target, and how it was found. */
export type Answer = {readonly target: Target; readonly because: Because};

/** Who answers connections to a service port in one family. */
export type Answers = {
	/** Under policy Cluster: backends, or refused because there are none anywhere. */
	readonly cluster: Answer;
	/** Under policy Local; undefined when neither policy of the Service is. */
	readonly local: Answer | undefined;
};

const reject: Target = {kind: 'reject'};
const drop: Target = {kind: 'drop'};

/** What a policy's choice comes to; `none` is what happens to a connection when nobody is left. */
export function answerOf({backends, reason}: Choice, none: 'reject' | 'drop', object: string): Answer {
	if (backends.length > 0) {
		return {target: {kind: 'backends', backends}, because: {object, field: 'endpoints[].conditions', decided: reason}};
	}

	const decided = `${reason}: ${none === 'reject' ? 'refused' : 'dropped'}`;
	return {target: none === 'reject' ? reject : drop, because: {object, field: 'endpoints[].conditions', decided}};
}

/** The frontend of the Service's own address. */
export function clusterIpFrontend(view: PortView, answers: Answers, address: Address, node: NodeView): Frontend {
	const {service, names, port, family} = view;
	const isLocal = service.internalTrafficPolicy === 'Local';
	const answer = (isLocal ? answers.local : undefined) ?? answers.cluster;
	const {masquerade, because} = node.clusterIps[family];
	const kind = {object: names.service, field: 'spec.clusterIPs', decided: 'the cluster IP of the Service'};
	return {
		key: frontendKey(address, port.protocol, port.port),
		kind: 'clusterIP',
		address,
		protocol: port.protocol,
		port: port.port,
		service: view.name,
		target: answer.target,
		local: undefined,
		masquerade,
		sourceRanges: undefined,
		affinityTimeoutSeconds: service.affinityTimeoutSeconds,
		because: withAffinity([kind, internalPolicyReason(service, names.service), answer.because, because], view),
	};
}

/** The frontend of an external, load-balancer or node address. */
export function externalFrontend(view: PortView, answers: Answers, entrance: Entrance): Frontend {
	const {service, names, port} = view;
	const {target, because} = answers.cluster;
	const local = isExternalLocal(service) && target.kind === 'backends' ? answers.local : undefined;
	return {
		key: frontendKey(entrance.address, port.protocol, entrance.port),
		kind: entrance.kind,
		address: entrance.address,
		protocol: port.protocol,
		port: entrance.port,
		service: view.name,
		target,
		local: local?.target,
		masquerade: isExternalLocal(service) ? 'node' : 'always',
		sourceRanges: entrance.ranges?.ranges,
		affinityTimeoutSeconds: service.affinityTimeoutSeconds,
		because: withAffinity(
			[
				...entrance.because,
				externalPolicyReason(service, names.service),
				...(local === undefined ? [because] : [because, local.because]),
				...rangesReason(entrance, names),
			],
			view,
		),
	};
}

function rangesReason({ranges}: Entrance, {service: object}: Names): readonly Because[] {
	return ranges === undefined ? [] : [{object, field: 'spec.loadBalancerSourceRanges', decided: ranges.decided}];
}

function withAffinity(because: readonly Because[], {service, names}: PortView): readonly Because[] {
	const seconds = service.affinityTimeoutSeconds;
	if (seconds === undefined) {
		return because;
	}

	const decided = `ClientIP: a client keeps its endpoint until it opened no connection for ${seconds} s`;
	return [...because, {object: names.service, field: 'spec.sessionAffinity', decided}];
}

/** Whether two frontends of one key ask the same of a dataplane; reasons may differ. */
export function isSameFrontend(a: Frontend | undefined, b: Frontend | undefined): boolean {
	if (a === undefined || b === undefined) {
		return a === b;
	}

	return (
		a.kind === b.kind &&
		a.masquerade === b.masquerade &&
		a.affinityTimeoutSeconds === b.affinityTimeoutSeconds &&
		isSameName(a.service, b.service) &&
		isSameTarget(a.target, b.target) &&
		isSameTarget(a.local, b.local) &&
		isSameRanges(a.sourceRanges, b.sourceRanges)
	);
}

function isSameName(a: ServicePortName, b: ServicePortName): boolean {
	return a.name === b.name && a.namespace === b.namespace && a.port === b.port;
}

function isSameTarget(a: Target | undefined, b: Target | undefined): boolean {
	if (a?.kind !== 'backends' || b?.kind !== 'backends') {
		return a?.kind === b?.kind;
	}

	return isSameBackends(a.backends, b.backends);
}

/** Compares in order: the planner's is stable, and another order is at worst looked at again. */
export function isSameBackends(a: readonly Backend[], b: readonly Backend[]): boolean {
	return a === b || (a.length === b.length && a.every((backend, index) => isSameBackend(backend, b[index])));
}

function isSameBackend(a: Backend, b: Backend | undefined): boolean {
	return a.address === b?.address && a.port === b.port && a.local === b.local && a.pod === b.pod;
}

function isSameRanges(a: Frontend['sourceRanges'] = [], b: Frontend['sourceRanges'] = []): boolean {
	return a.length === b.length && a.every(({address, bits}, at) => address === b[at]?.address && bits === b[at].bits);
}
