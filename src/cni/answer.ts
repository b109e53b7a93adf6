import type {CniAnswer} from '../control/cni.ts';
import {type ErrorCode, NetError} from '../errors.ts';
import type {Version} from './spec.ts';

/** What each error is to the specification; from 100 on they are this plugin's own. Source: SPEC.md, section 5, Error */
const codes: Readonly<Partial<Record<ErrorCode, number>>> = {
	CNI_VERSION: 1,
	CNI_ENVIRONMENT: 4,
	CNI_JOURNAL: 5,
	CNI_DECODE: 6,
	CNI_CONFIG: 7,
	CNI_NETNS: 8,
	CNI_BUSY: 11,
	CNI_NOT_READY: 50,
	CNI_LIMITED: 51,
	CNI_FULL: 100,
	CNI_ADDRESS: 101,
	CNI_HOST_PORT: 102,
	CNI_INTERFACE: 103,
	CNI_ATTACHED: 104,
	CNI_CHECK: 105,
	CNI_KERNEL: 106,
	KERNEL_ADDON: 106,
	KERNEL_DENIED: 106,
	KERNEL_REFUSED: 106,
	NETLINK_REFUSED: 106,
	NETLINK_CHANGING: 106,
	NETLINK_LOST: 106,
};

/** As the reference's skeleton has it for what it did not expect. */
const internalError = 999;

/** What the plugin prints when `error` kept it from what was asked. */
export function refuse(error: NetError, version: Version): CniAnswer {
	const {code, message, hint, details} = error;
	const more = Object.keys(details).length === 0 ? '' : ` ${JSON.stringify(details)}`;
	return {
		exitCode: 1,
		output: {cniVersion: version, code: codes[code] ?? internalError, msg: message, details: `${code}: ${hint}${more}`},
	};
}

/** As {@link refuse}, of whatever was thrown. */
export function refuseAny(caught: unknown, version: Version): CniAnswer {
	const known = caught instanceof NetError;
	return refuse(known ? caught : new NetError('DAEMON_BUG', 'answer a call of the CNI plugin', {}, caught), version);
}
