/** A refusal of the API server, as its body says it. Source: metav1.Status. */
export type Status = {
	readonly kind: 'Status';
	readonly apiVersion: 'v1';
	readonly metadata: Readonly<Record<string, never>>;
	readonly status: 'Failure';
	readonly message: string;
	readonly reason?: string;
	readonly details?: Readonly<Record<string, unknown>>;
	readonly code: number;
};

const reasons: Readonly<Record<number, string>> = {
	400: 'BadRequest',
	401: 'Unauthorized',
	403: 'Forbidden',
	404: 'NotFound',
	409: 'AlreadyExists',
	410: 'Expired',
	422: 'Invalid',
	429: 'TooManyRequests',
	500: 'InternalError',
	503: 'ServiceUnavailable',
	504: 'Timeout',
};

export function statusOf(code: number, message: string, details?: Readonly<Record<string, unknown>>): Status {
	return {
		kind: 'Status',
		apiVersion: 'v1',
		metadata: {},
		status: 'Failure',
		message,
		reason: reasons[code] ?? '',
		...(details !== undefined && {details}),
		code,
	};
}

export function tooOld(version: number, current: number): Status {
	return statusOf(410, `too old resource version: ${version} (${current})`);
}

export function tooLarge(version: number, current: number): Status {
	const causes = [{reason: 'ResourceVersionTooLarge', message: 'Too large resource version'}];
	const message = `Timeout: Too large resource version: ${version}, current: ${current}`;
	return statusOf(504, message, {causes, retryAfterSeconds: 1});
}
