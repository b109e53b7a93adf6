/** The dataplane that was chosen, and why: the daemon says it once at its start. */
export type ModeChoice = {
	readonly mode: 'nftables';
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

/** The mode when neither flag nor environment names one. */
export const modeOfNobody: ModeChoice = {
	mode: 'nftables',
	because: 'no mode was asked for; set --proxy-mode=nftables to keep it',
	warn: true,
};

/** The mode that `text` asks for, or what is wanted instead of it. */
export function chooseMode(text: string): ModeChoice | {readonly wanted: string} {
	switch (text) {
		case 'nftables':
			return {mode: 'nftables', because: 'it was asked for', warn: false};
		case 'auto':
			return {mode: 'nftables', because: 'auto was asked for, and this version has nftables only', warn: false};
		case '':
			return {mode: 'nftables', because: 'the mode is empty; set --proxy-mode=nftables to keep it', warn: true};
		case 'ipvs':
			return {mode: 'nftables', because: 'ipvs is no mode of Fairlead; nftables serves the same Services', warn: true};
		default:
			return {wanted: `nftables or auto: ${missing[text] ?? 'there is no such mode'}`};
	}
}
