/** The dataplane that was chosen, and why: the daemon says it once at its start. */
export type ModeChoice = {
	readonly mode: 'nftables';
	/** The text that asked for it; empty when nobody did. */
	readonly asked: string;
	readonly because: string;
	/** Whether the reason deserves a warning: something else was asked for, or nothing. */
	readonly warn: boolean;
};

/** Modes that have a name but are not in this version, with what to do instead. */
const missing: Readonly<Record<string, string>> = {
	iptables: 'this version programs nftables only; leave the flag out, or keep kube-proxy on hosts without nf_tables',
	ebpf: 'this version programs nftables only; leave the flag out',
	userspace: 'this version programs nftables only; leave the flag out',
	kernelspace: 'that is a mode for Windows, and Fairlead runs on Linux',
};

/** The mode when nobody names one. */
export const modeOfNobody: ModeChoice = {
	mode: 'nftables',
	asked: '',
	because: 'no mode was asked for; set --proxy-mode=nftables to keep it',
	warn: true,
};

/** The mode that `asked` asks for, or what is wanted instead of it. */
export function chooseMode(asked: string): ModeChoice | {readonly wanted: string} {
	const mode = 'nftables';
	switch (asked) {
		case 'nftables':
			return {mode, asked, because: 'it was asked for', warn: false};
		case 'auto':
			return {mode, asked, because: 'auto was asked for, and this version has nftables only', warn: false};
		case '':
			return modeOfNobody;
		case 'ipvs':
			return {mode, asked, because: 'ipvs is no mode of Fairlead; nftables serves the same Services', warn: true};
		default:
			return {wanted: `nftables or auto: ${missing[asked] ?? 'there is no such mode'}`};
	}
}
