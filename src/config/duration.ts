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
	const rounded = Math.round(sum * 1e6) / 1e6; // Go counts whole nanoseconds
	return text.startsWith('-') ? -rounded : rounded;
}

/** The duration as Go prints it: `30s`, `1m30s`, `24h0m0s`, `1.5s`, `250ms`, `0s`. Not below 0. */
export function printDuration(ms: number): string {
	if (ms < 1000 && ms !== 0) {
		const [unit, scale] = ms < 1e-3 ? ['ns', 1e6] : ms < 1 ? ['µs', 1e3] : ['ms', 1];
		return `${plain(ms * Number(scale))}${unit}`;
	}

	const minutes = Math.floor(ms / 60_000);
	const seconds = `${plain((ms - minutes * 60_000) / 1000)}s`;
	const hours = Math.floor(minutes / 60);
	return hours > 0 ? `${hours}h${minutes % 60}m${seconds}` : minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

/** At most nine places behind the point, as many as a nanosecond is of a second, and no exponent. */
function plain(value: number): string {
	return value.toFixed(9).replace(/\.?0+$/, '');
}
