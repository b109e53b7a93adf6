import {child, type Field, readInteger, readTextOrNone, rootField} from '../model/fields.ts';

/** The API server's no: the answer to a request, or an ERROR event inside a watch. */
export type Refusal = {
	/** HTTP status: 410 when the state asked for is no longer kept. */
	readonly code: number;
	/** One word, such as `Forbidden`, `Expired`, `TooManyRequests`; empty when it was no Kubernetes API that answered. */
	readonly reason: string;
	readonly message: string;
	/** How long the API server asks to be left alone. */
	readonly retryAfterMs: number | undefined;
	/** Whether it knows no state as new as the one that was asked for: etcd was restored to an older one. */
	readonly isTooNew: boolean;
};

/** Whoever asks to be left alone for longer, by accident or not, would keep a node from its cluster. */
const maxRetryAfterMs = 300_000;

/** What a `Status` object says. Anything else reads as a refusal without words. Source: metav1.Status. */
export function readStatus(value: unknown, code: number): Refusal {
	try {
		const status = rootField(value, 'Status');
		const details = child(status, 'details');
		const seconds = readInteger(details, 'retryAfterSeconds', 0, Number.MAX_SAFE_INTEGER, 0);
		return {
			code: readInteger(status, 'code', 0, 599, code),
			reason: readTextOrNone(status, 'reason'),
			message: readTextOrNone(status, 'message'),
			retryAfterMs: seconds === 0 ? undefined : Math.min(seconds * 1000, maxRetryAfterMs),
			isTooNew: hasCause(details, 'ResourceVersionTooLarge'),
		};
	} catch {
		return {code, reason: '', message: '', retryAfterMs: undefined, isTooNew: false}; // not a Status after all
	}
}

/** The refusal that an HTTP answer is. `body` may be anything: a load balancer answers in HTML. */
export function readRefusal(code: number, retryAfter: string | undefined, body: string): Refusal {
	const refusal = readStatus(parseOrNothing(body), code);
	const message = refusal.message === '' ? firstLine(body) : refusal.message;
	return {...refusal, code, message, retryAfterMs: parseRetryAfter(retryAfter) ?? refusal.retryAfterMs};
}

/** Seconds, which is the only form that the API server writes. */
function parseRetryAfter(text: string | undefined): number | undefined {
	return text !== undefined && /^\d+$/.test(text) ? Math.min(Number(text) * 1000, maxRetryAfterMs) : undefined;
}

function hasCause(details: Field, reason: string): boolean {
	const {value} = child(details, 'causes');
	return (
		Array.isArray(value) &&
		value.some((_, index) => readTextOrNone(child({...details, value}, index), 'reason') === reason)
	);
}

function parseOrNothing(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

function firstLine(text: string): string {
	return text.trim().split('\n', 1)[0]?.slice(0, 200) ?? '';
}
