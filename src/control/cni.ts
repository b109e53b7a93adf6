/** What the CNI plugin prints, and the code it exits with. Source: CNI SPEC.md, sections 2 and 5 */
export type CniAnswer = {readonly exitCode: number; readonly output: object | null};

/** An address of this node's pods that is not free. */
export type AddressRow = {
	readonly address: string;
	/** `resting`: it was freed, and is kept from new pods for a while. The others as an attachment's state. */
	readonly state: 'adding' | 'attached' | 'deleting' | 'resting';
	readonly network: string;
	/** Empty where nobody holds it any more. */
	readonly containerId: string;
	readonly ifName: string;
	/** `namespace/name`; empty where the container is no pod. */
	readonly pod: string;
	readonly link: string;
	/** When it got this state, ISO 8601. */
	readonly since: string;
};
