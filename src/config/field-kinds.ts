import {parseAddress} from '../net/address.ts';
import {printSocketAddress} from '../net/port.ts';
import {parsePrefix} from '../net/prefix.ts';
import {parseDuration} from './duration.ts';

/** What a field of a configuration file may hold. */
export type FieldKind = {
	/** What is wanted, in words that an error can show. */
	readonly wanted: string;
	/**
	 * The value as a flag would spell it; empty when it says nothing, as the zero value of a Go type; undefined when
	 * it is of another type or out of bounds. Never called with null, which says nothing whatever the kind.
	 */
	readonly spell: (value: unknown) => string | undefined;
};

/** int32 and float32 of the Go types. */
const int32 = 2 ** 31;

export const text: FieldKind = {
	wanted: 'a text',
	spell: (value) => (typeof value === 'string' ? value : undefined),
};

export const boolean: FieldKind = {
	wanted: 'true or false',
	spell: (value) => (typeof value === 'boolean' ? String(value) : undefined),
};

export function integer(least = -int32, most = int32 - 1): FieldKind {
	const bounds = least === -int32 ? '' : most === int32 - 1 ? ` of ${least} or more` : ` from ${least} to ${most}`;
	return {
		wanted: `a whole number${bounds}`,
		spell: (value) =>
			typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
				? String(value)
				: undefined,
	};
}

export const number: FieldKind = {
	wanted: 'a number',
	spell: (value) => (typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined),
};

/** A duration whose zero is a duration like any other. Source: metav1.Duration, which takes texts only. */
export const duration: FieldKind = {
	wanted: 'a duration such as 30s or 1m30s, as a text',
	spell: (value) => (typeof value === 'string' && parseDuration(value) !== undefined ? value : undefined),
};

/** A duration whose zero says nothing: kube-proxy puts its default there. */
export const durationOrDefault: FieldKind = {
	wanted: duration.wanted,
	spell: (value) =>
		value === '' || (typeof value === 'string' && parseDuration(value) === 0) ? '' : duration.spell(value),
};

/** A number whose zero says nothing. */
export function orDefault({wanted, spell}: FieldKind): FieldKind {
	return {wanted, spell: (value) => (value === 0 ? '' : spell(value))};
}

export const texts: FieldKind = {
	wanted: 'a list of texts',
	spell: (value) => spellList(value, (entry) => (typeof entry === 'string' ? entry : undefined)),
};

export const prefixes: FieldKind = {
	wanted: 'a list of prefixes such as 192.0.2.0/24',
	spell: (value) => spellList(value, (entry) => (isPrefix(entry) ? entry : undefined)),
};

/** An address and a port; an address alone gets the default port. Source: pkg/proxy/util, AppendPortIfNeeded. */
export function socketAddress(port: number): FieldKind {
	return {
		wanted: `an address and a port such as 0.0.0.0:${port}, as a text`,
		spell: (value) => (typeof value === 'string' ? withPort(value, port) : undefined),
	};
}

/** Gates by name. */
export const gates: FieldKind = {
	wanted: 'names with true or false for each',
	spell: (value) => {
		const entries = isMapping(value) ? Object.entries(value) : undefined;
		return entries?.every(([, gate]) => typeof gate === 'boolean')
			? entries.map(([name, gate]) => `${name}=${gate}`).join(',')
			: undefined;
	},
};

/** Bytes as a text with a unit, or a number. Source: apimachinery, resource.Quantity. */
export const quantity: FieldKind = {
	wanted: 'a number of bytes such as "64Ki"',
	spell: (value) => {
		const said = typeof value === 'number' ? String(value) : value;
		return typeof said === 'string' && /^\d+(?:\.\d+)?(?:[kMGTPE]|[KMGTPE]i)?$/.test(said) ? said : undefined;
	},
};

/** A duration as a text, or nanoseconds as a number. Source: component-base, logs/api/v1, TimeOrMetaDuration. */
export const durationOrNanoseconds: FieldKind = {
	wanted: 'a duration such as 5s, or a number of nanoseconds',
	spell: (value) => (typeof value === 'number' ? spellNanoseconds(value) : durationOrDefault.spell(value)),
};

/** Verbosity by files. Source: component-base, logs/api/v1, VModuleConfiguration. */
export const verbosityByFile: FieldKind = {
	wanted: 'a list of {filePattern, verbosity}',
	spell: (value) =>
		spellList(value, (entry) =>
			isMapping(entry) && typeof entry['filePattern'] === 'string' && typeof entry['verbosity'] === 'number'
				? `${entry['filePattern']}=${entry['verbosity']}`
				: undefined,
		),
};

/** What a field of ours may hold: the setting of the same name knows the rest. */
export const anything: FieldKind = {
	wanted: 'a text, a number, true or false, or a list of texts',
	spell: (value) => [text, boolean, number, texts].map(({spell}) => spell(value)).find((said) => said !== undefined),
};

/** A YAML mapping: its fields by name. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function spellList(value: unknown, spell: (entry: unknown) => string | undefined): string | undefined {
	const entries = Array.isArray(value) ? value.map(spell) : undefined;
	return entries?.every((entry) => entry !== undefined) ? entries.join(',') : undefined;
}

function spellNanoseconds(value: number): string | undefined {
	return !Number.isInteger(value) ? undefined : value === 0 ? '' : `${value}ns`;
}

function isPrefix(value: unknown): value is string {
	try {
		return typeof value === 'string' && parsePrefix(value).bits >= 0;
	} catch {
		return false; // what net/ says of it is not shown: what is wanted says more
	}
}

function withPort(value: string, port: number): string {
	try {
		return value === '' ? '' : printSocketAddress(parseAddress(value), port);
	} catch {
		return value; // no bare address: the setting checks it
	}
}
