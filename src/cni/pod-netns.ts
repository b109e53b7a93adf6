import {NetError} from '../errors.ts';
import type {Netns} from '../kernel/netns.ts';
import {Rtnetlink} from '../kernel/route.ts';
import {writeSysctl} from '../kernel/sysctl.ts';

/**
 * Has the pod ask for no routers, and believe none that another pod pretends to be (CVE-2020-10749). Where /proc/sys may
 * not be written it asks three times and hears nothing: no router is on its link.
 */
export function refuseRouters(ifName: string, netns: Netns): void {
	try {
		netns.run(() => writeSysctl(`net.ipv6.conf.${ifName}.accept_ra`, '0'));
	} catch {
		// as said
	}
}

/** @throws NetError CNI_KERNEL where /proc/sys may not be written */
export function switchIpv6On(netns: Netns): void {
	try {
		netns.run(() => writeSysctl('net.ipv6.conf.all.disable_ipv6', '0'));
	} catch (error) {
		throw new NetError('CNI_KERNEL', 'switch IPv6 on in the pod, where it is off', {path: netns.path}, error);
	}
}

/** For a request that names the namespace. @throws NetError CNI_NETNS when it was closed */
export function descriptorOf(netns: Netns): number {
	try {
		return netns.descriptor;
	} catch (error) {
		throw asVanished(error, netns);
	}
}

/** For requests in the namespace. @throws NetError CNI_NETNS when it was closed, or is none */
export function openPod(netns: Netns): Rtnetlink {
	try {
		return new Rtnetlink({netns});
	} catch (error) {
		throw asVanished(error, netns);
	}
}

/** A namespace that cannot be entered is none any more, or never was one. */
export function asVanished(error: unknown, {path}: Netns): unknown {
	const vanished =
		error instanceof NetError &&
		(error.code === 'NETNS_MISSING' || (error.code === 'KERNEL_REFUSED' && error.details['syscall'] === 'setns'));
	return vanished ? new NetError('CNI_NETNS', `enter the network namespace "${path}"`, {path}, error) : error;
}
