import {readFileSync} from 'node:fs';
import {join} from 'node:path';

/** One request as the API server's audit log has it. */
export type AuditedRequest = {
	/** The right that it takes: `list services`, `watch endpointslices.discovery.k8s.io`. */
	readonly right: string;
	readonly namespace: string | undefined;
	readonly allowed: boolean;
};

/** Every request of a service account is logged once, when its answer begins. */
const policy = {
	apiVersion: 'audit.k8s.io/v1',
	kind: 'Policy',
	omitStages: ['RequestReceived'],
	rules: [{level: 'Metadata', userGroups: ['system:serviceaccounts']}, {level: 'None'}],
};

/** What {@link auditFlags} need in the API server's directory. */
export const auditFiles: Readonly<Record<string, string>> = {'audit-policy.json': JSON.stringify(policy)};

/** How kube-apiserver is told to keep the log. */
export function auditFlags(directory: string): readonly string[] {
	return [
		`--audit-policy-file=${join(directory, 'audit-policy.json')}`,
		`--audit-log-path=${logOf(directory)}`,
		'--audit-log-mode=blocking', // what is answered is in the log
	];
}

/** What `user` asked the API server for, in order. */
export function readAudit(directory: string, user: string): readonly AuditedRequest[] {
	const lines = readFileSync(logOf(directory), 'utf8').trim().split('\n');
	const events: readonly Event[] = lines.filter((line) => line !== '').map((line) => JSON.parse(line));
	return events
		.filter((event) => event.user.username === user && event.objectRef !== undefined)
		.map(({verb, objectRef, annotations}) => ({
			right: `${verb} ${[objectRef?.resource, objectRef?.apiGroup].filter((part) => part !== undefined).join('.')}`,
			namespace: objectRef?.namespace,
			allowed: annotations?.['authorization.k8s.io/decision'] === 'allow',
		}));
}

type Event = {
	readonly verb: string;
	readonly user: {readonly username: string};
	readonly objectRef?: {readonly resource: string; readonly apiGroup?: string; readonly namespace?: string};
	readonly annotations?: Readonly<Record<string, string>>;
};

function logOf(directory: string): string {
	return join(directory, 'audit.log');
}
