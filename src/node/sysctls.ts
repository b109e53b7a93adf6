import {NetError} from '../errors.ts';
import {readSysctl, sysctlFile, writeSysctl} from '../kernel/sysctl.ts';
import {isAsWanted, printWanted, type WantedSysctl} from './conntrack-sysctls.ts';

/** What became of one setting. */
export type SysctlOutcome = {
	readonly name: string;
	readonly wanted: number;
	/** Whether more is right too. */
	readonly orMore: boolean;
	/** What it was before, and what it is; undefined where there is no such setting. */
	readonly was: number | undefined;
	readonly now: number | undefined;
	/** Why it is not as wanted. Settings that are missing for one reason share one. */
	readonly problem: NetError | undefined;
};

type SysctlParts = {
	/** Called once when a setting is not there; loads what has it, or throws why not. */
	readonly load: () => Promise<void>;
	/** Stands in for /proc/sys. */
	readonly root?: string | undefined;
};

/** Makes settings of the kernel as wanted, each by itself: one that cannot be set keeps no other one from it. */
export async function setSysctls(
	wanted: readonly WantedSysctl[],
	{load, root}: SysctlParts,
): Promise<readonly SysctlOutcome[]> {
	const isMissing = ({name}: WantedSysctl) => readSysctl(name, root) === undefined;
	const cause = wanted.some(isMissing) ? await load().catch((error: unknown) => error) : undefined;
	const missing = wanted.filter(isMissing).map(({name}) => sysctlFile(name, root));
	const problem =
		missing.length === 0
			? undefined
			: new NetError('SYSCTL_MISSING', `find ${missing.join(', ')}`, {files: missing}, cause);
	return wanted.map((each) => setSysctl(each, root, problem));
}

function setSysctl(wanted: WantedSysctl, root: string | undefined, missing: NetError | undefined): SysctlOutcome {
	const {name, value, orMore} = wanted;
	const was = readNumber(name, root);
	const outcome = {name, wanted: value, orMore, was};
	if (was === undefined) {
		return {...outcome, now: was, problem: missing};
	}

	if (isAsWanted(wanted, was)) {
		return {...outcome, now: was, problem: undefined};
	}

	let cause: unknown;
	try {
		writeSysctl(name, String(value), root);
	} catch (error) {
		cause = error;
	}

	const now = readNumber(name, root);
	return {...outcome, now, problem: isAsWanted(wanted, now) ? undefined : refusal(wanted, now, root, cause)};
}

function refusal(wanted: WantedSysctl, found: number | undefined, root: string | undefined, cause: unknown): NetError {
	const {name, value} = wanted;
	const what = `set ${name} to ${printWanted(wanted)}: it is ${found ?? 'not there'}`;
	const errno = cause instanceof NetError ? cause.details['errno'] : undefined;
	return new NetError('SYSCTL_REFUSED', what, {file: sysctlFile(name, root), wanted: value, found, errno}, cause);
}

function readNumber(name: string, root: string | undefined): number | undefined {
	const text = readSysctl(name, root);
	return text === undefined ? undefined : Number(text);
}
