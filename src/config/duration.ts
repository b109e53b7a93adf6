/** Milliseconds of each unit. Source: Go's time.ParseDuration, which kube-proxy's flags and files use. */
const unitMs: Readonly<Record<string, number>> = {
	ns: 1e-6,
	us: 1e-3,
	µs: 1e-3,
	ms: 1,
	s: 1000,
	m: 60_000,
	h: 3_600_000,
};

const part = String.raw`(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)`;
const form = new RegExp(`^[+-]?(?:${part})+$`);

/** Milliseconds that a Go duration such as `30s`, `1m30s` or `0` spells; undefined when it spells none. */
export function parseDuration(text: string): number | undefined {
	if (/^[+-]?0$/.test(text)) {
		return 0;
	}

	if (!form.test(text)) {
		return undefined;
	}

	const parts = [...text.matchAll(new RegExp(part, 'g'))];
	const sum = parts.reduce((ms, [, count = '0', unit = 'ms']) => ms + Number(count) * (unitMs[unit] ?? 0), 0);
	return text.startsWith('-') ? -sum : sum;
}
