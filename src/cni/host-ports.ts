import {NetError} from '../errors.ts';
import type {HostPort} from '../model/objects.ts';
import {type Family, familyOf} from '../net/address.ts';
import {printSocketAddress} from '../net/port.ts';
import {type Attachment, type AttachmentKey, attachmentKey} from './attachment.ts';

/** Who wants host ports. */
type Claimant = Pick<Attachment, 'containerId' | 'ifName' | 'pod' | 'hostPorts' | 'addresses'>;

/** One host port in one family; `hostIp` undefined is every address of the node. */
type Claim = {
	readonly holder: AttachmentKey;
	/** As people know it. */
	readonly who: string;
	readonly family: Family;
	readonly hostIp: string | undefined;
};

/** Kubernetes and runtimes write these for "every address". */
const unspecified: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Which attachment has which port of the node: the first one has it, until it is gone. */
export class HostPorts {
	/** Protocol and port → who has it; nearly always one. */
	readonly #claims = new Map<string, readonly Claim[]>();

	/** @throws NetError CNI_HOST_PORT when another attachment has one of the ports, with its name */
	demand(claimant: Claimant): void {
		for (const port of claimant.hostPorts) {
			const claims = claimsOf(claimant, port);
			const holder = this.#holders(port).find((held) => claims.some((claim) => collide(held, claim)));
			if (holder !== undefined) {
				const {protocol, hostPort} = port;
				const details = {protocol, hostPort, hostIp: port.hostIp, holder: holder.who};
				throw new NetError('CNI_HOST_PORT', `give ${printPort(port)}: it is held by ${holder.who}`, details);
			}
		}
	}

	/** The claimant has its ports from now on. */
	hold(claimant: Claimant): void {
		for (const port of claimant.hostPorts) {
			this.#claims.set(nameOf(port), [...this.#holders(port), ...claimsOf(claimant, port)]);
		}
	}

	/** The ports are free for others. */
	release(claimant: Claimant): void {
		const key = attachmentKey(claimant);
		for (const port of claimant.hostPorts) {
			const others = this.#holders(port).filter(({holder}) => holder !== key);
			if (others.length > 0) {
				this.#claims.set(nameOf(port), others);
			} else {
				this.#claims.delete(nameOf(port));
			}
		}
	}

	#holders(port: HostPort): readonly Claim[] {
		return this.#claims.get(nameOf(port)) ?? [];
	}
}

/** One for each family of the pod; where the port is on one address, for the family of that. */
function claimsOf(claimant: Claimant, {hostIp}: HostPort): readonly Claim[] {
	const {pod, containerId} = claimant;
	const who = pod === undefined ? `container ${containerId}` : `pod ${pod.namespace}/${pod.name}`;
	const families = hostIp === undefined ? claimant.addresses.map(familyOf) : [familyOf(hostIp)];
	const only = hostIp === undefined || unspecified.has(hostIp) ? undefined : hostIp;
	return families.map((family) => ({holder: attachmentKey(claimant), who, family, hostIp: only}));
}

function collide(a: Claim, b: Claim): boolean {
	const meet = a.hostIp === undefined || b.hostIp === undefined || a.hostIp === b.hostIp;
	return a.holder !== b.holder && a.family === b.family && meet;
}

function nameOf({protocol, hostPort}: HostPort): string {
	return `${hostPort}/${protocol}`;
}

/** `host port 8080/TCP`, `host port 192.0.2.1:8080/TCP`. */
function printPort({protocol, hostPort, hostIp}: HostPort): string {
	return `host port ${hostIp === undefined ? hostPort : printSocketAddress(hostIp, hostPort)}/${protocol}`;
}
