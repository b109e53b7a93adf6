import type {z} from 'zod';
import type {ConfigContent, FieldText} from './file.ts';
import {fieldInMode} from './kube-proxy-fields.ts';
import type {ConfigProblem} from './problem.ts';
import {schema} from './schema.ts';
import {environmentName, ownField, type SettingName, settings} from './settings.ts';

/** Where settings come from. The later ones win: defaults, file, environment, flags. */
export type ConfigSources = {
	/** Text of each flag that was given, by its name without dashes; a list flag given twice is joined by a comma. */
	readonly flags: ReadonlyMap<string, string>;
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** What the configuration file says. Who has one loads `file.ts` to parse it: its YAML costs nobody else anything. */
	readonly file?: ConfigContent | undefined;
	readonly hostname: string;
	/** `none`: no objects of the cluster are to be read, so that nobody need say where they are. */
	readonly input?: 'none' | undefined;
};

type Value<N extends SettingName> = z.output<(typeof schema)[N]>;

/** What was said of a setting, and by whom. */
type Said = FieldText & {
	/** The flag, the variable, or the kind of document and the path in it. */
	readonly by: string;
};

/** Settings whose empty text means something; an empty text of any other one means that it is not set. */
const meaningfulEmpty: ReadonlySet<SettingName> = new Set(['healthzBindAddress', 'metricsBindAddress']);

/** Reads settings one by one and gathers what is wrong with them, so that an operator sees all of it at once. */
export class SettingReader {
	readonly problems: ConfigProblem[] = [];
	readonly #sources: ConfigSources;
	readonly #file: ConfigContent['fields'];

	constructor(sources: ConfigSources, file: ConfigContent['fields']) {
		this.#sources = sources;
		this.#file = file;
	}

	/** Whether this process runs in a Pod. Source: client-go, rest.InClusterConfig. */
	get isInPod(): boolean {
		return Boolean(this.#sources.environment['KUBERNETES_SERVICE_HOST']);
	}

	/** The setting's value; `standIn` when it is missing or wrong, which is then a problem. */
	required<N extends SettingName>(name: N, standIn: Value<N>): Value<N> {
		const before = this.problems.length;
		const value = this.optional(name);
		if (value === undefined && this.problems.length === before) {
			const {flag, takes = 'value'} = settings[name];
			this.problems.push({setting: `--${flag}`, value: undefined, wanted: `a ${takes}, and none is set`});
		}

		return value ?? standIn;
	}

	/** The setting's value; undefined when it is not set or wrong. */
	optional<N extends SettingName>(name: N): Value<N> | undefined {
		const said = this.said(name);
		const text = said?.text ?? settings[name].default;
		if (text === undefined) {
			return undefined;
		}

		const result = schema[name].safeParse(text);
		if (!result.success) {
			const wanted = result.error.issues[0]?.message ?? 'another value';
			this.problems.push({setting: this.nameOf(name), value: said?.value ?? text, wanted});
			return undefined;
		}

		return result.data as Value<N>; // TypeScript does not follow N through the table of schemas
	}

	/** Who says the setting; its flag when nobody does. */
	nameOf(name: SettingName): string {
		return this.said(name)?.by ?? `--${settings[name].flag}`;
	}

	/** Kind of document and path of the field that says the setting in a file, for the mode that is asked for. */
	fieldOf(name: SettingName): string {
		const {field} = settings[name];
		return field === undefined
			? `FairleadConfiguration.${ownField(name)}`
			: `KubeProxyConfiguration.${name === 'proxyMode' ? field : fieldInMode(field, this.said('proxyMode')?.text ?? '')}`;
	}

	/** What was said last and counts; undefined when nobody says anything. */
	said(name: SettingName): Said | undefined {
		const {flag} = settings[name];
		const {flags, environment} = this.#sources;
		const variable = environmentName(flag);
		for (const [by, text] of [[`--${flag}`, flags.get(flag)] as const, [variable, environment[variable]] as const]) {
			if (text !== undefined && (text !== '' || meaningfulEmpty.has(name))) {
				return {by, text, value: text};
			}
		}

		const by = this.fieldOf(name);
		const field = this.#file.get(by);
		return field && {...field, by};
	}
}
