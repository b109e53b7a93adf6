import {NetError} from '../errors.ts';
import {type Address, parseAddress} from '../net/address.ts';
import {type Prefix, parsePrefix} from '../net/prefix.ts';

/**
 * An object or list inside an API object and the way to it, which is printed only when something is wrong there.
 * The root's step is the API object's name, `Service shop/web`. As in Kubernetes' JSON, null means absent everywhere.
 */
export type Field = {readonly value: unknown; readonly step: Step; readonly up: Field | undefined};

/** A field of an object, or an item of a list. */
type Step = string | number;

/** One list for all that are empty. */
const none: readonly never[] = [];

/** The whole object, under the name that errors call it by. */
export function rootField(value: unknown, object: string): Field {
	return {value, step: object, up: undefined};
}

/** The object or list at `step` of `parent`; absent where `parent` is. @throws NetError OBJECT_INVALID as {@link readText} */
export function child(parent: Field, step: Step): Field {
	return {value: valueAt(parent, step), step, up: parent};
}

/**
 * What `read` makes of each item of the list at `step`, in order; nothing of an absent list. Items it returns
 * undefined for are left out.
 *
 * @throws NetError OBJECT_INVALID when there is something else than a list, and what `read` throws
 */
export function eachItem<T>(
	parent: Field,
	step: Step,
	read: (list: Field, index: number) => T | undefined,
): readonly T[] {
	const value = valueAt(parent, step);
	if (isAbsent(value)) {
		return none;
	}

	if (!Array.isArray(value)) {
		throw invalid(parent, step, 'a list');
	}

	const list = {value, step, up: parent};
	const items: T[] = [];
	for (let index = 0; index < value.length; index++) {
		const item = read(list, index);
		if (item !== undefined) {
			items.push(item);
		}
	}

	return items.length === 0 ? none : items.slice(); // a list that grew keeps room for more
}

/** @throws NetError OBJECT_INVALID when it is absent or no text, or when `parent` is not what holds such a step */
export function readText(parent: Field, step: Step): string {
	const value = valueAt(parent, step);
	if (typeof value !== 'string') {
		throw invalid(parent, step, 'text');
	}

	return value;
}

/** The text at `step`, empty when it is absent. @throws NetError OBJECT_INVALID when it is no text */
export function readTextOrNone(parent: Field, step: Step): string {
	return isAbsent(valueAt(parent, step)) ? '' : readText(parent, step);
}

/** Whether there is something at `step`. @throws NetError OBJECT_INVALID as {@link readText} */
export function isPresent(parent: Field, step: Step): boolean {
	return !isAbsent(valueAt(parent, step));
}

/** @throws NetError OBJECT_INVALID when it is there and no boolean */
export function readFlag(parent: Field, step: Step, absent: boolean): boolean {
	const value = valueAt(parent, step);
	if (typeof value === 'boolean') {
		return value;
	}

	if (!isAbsent(value)) {
		throw invalid(parent, step, 'true or false');
	}

	return absent;
}

/** @throws NetError OBJECT_INVALID when it is absent without `absent`, no whole number, or outside `from` to `to` */
export function readInteger(parent: Field, step: Step, from: number, to: number, absent?: number): number {
	const value = valueAt(parent, step);
	if (isAbsent(value) && absent !== undefined) {
		return absent;
	}

	if (typeof value !== 'number' || !Number.isInteger(value) || value < from || value > to) {
		throw invalid(parent, step, `a whole number from ${from} to ${to}`);
	}

	return value;
}

/** One of `choices`; the first of them when the field is absent or empty. @throws NetError OBJECT_INVALID at another */
export function readChoice<T extends string>(parent: Field, step: Step, choices: readonly [T, ...T[]]): T {
	const value = valueAt(parent, step);
	if (isAbsent(value) || value === '') {
		return choices[0];
	}

	const choice = choices.find((each) => each === value);
	if (choice === undefined) {
		throw invalid(parent, step, choices.filter((each) => each !== '').join(' or '));
	}

	return choice;
}

/** @throws NetError OBJECT_INVALID */
export function readAddress(parent: Field, step: Step): Address {
	return readAs(parent, step, 'an IP address', parseAddress);
}

/** @throws NetError OBJECT_INVALID */
export function readPrefix(parent: Field, step: Step): Prefix {
	return readAs(parent, step, 'a prefix such as 10.0.0.0/8', (text) => parsePrefix(text.trim()));
}

/**
 * What `read` makes of the text at `step`; undefined, with a line in `warnings`, when it is not what `read` wants.
 * For fields whose bad values kube-proxy skips with a log line.
 *
 * @throws NetError OBJECT_INVALID when it is no text at all
 */
export function readOrWarn<T>(
	parent: Field,
	step: Step,
	read: (parent: Field, step: Step) => T,
	warnings: string[],
): T | undefined {
	readText(parent, step);
	try {
		return read(parent, step);
	} catch (error) {
		if (!(error instanceof NetError)) {
			throw error;
		}

		warnings.push(`${error.details['object']}: ${error.details['problem']}: skipped`);
		return undefined;
	}
}

/** The refusal of what stands at `step`: it says what does, and what should. */
export function invalid(parent: Field, step: Step, wanted: string, cause?: unknown): NetError {
	return refusal(rootOf(parent), printPath({value: undefined, step, up: parent}), valueAt(parent, step), wanted, cause);
}

/** Where the field stands, for people: `Service shop/web: spec.ports[1]`. */
export function printWay(field: Field): string {
	return `${rootOf(field)}: ${printPath(field)}`;
}

function refusal(object: string, field: string, found: unknown, wanted: string, cause?: unknown): NetError {
	const problem = `${field === '' ? 'it' : field} is ${describe(found)}, not ${wanted}`;
	return new NetError('OBJECT_INVALID', `read ${object}: ${problem}`, {object, field, problem}, cause);
}

function valueAt({value, step: name, up}: Field, step: Step): unknown {
	if (isAbsent(value)) {
		return undefined;
	}

	if (typeof value !== 'object' || (typeof step === 'string' && Array.isArray(value))) {
		const field = {value, step: name, up};
		throw refusal(rootOf(field), printPath(field), value, 'an object');
	}

	return (value as Readonly<Record<Step, unknown>>)[step];
}

function readAs<T>(parent: Field, step: Step, wanted: string, parse: (text: string) => T): T {
	const value = valueAt(parent, step);
	if (typeof value !== 'string') {
		throw invalid(parent, step, wanted);
	}

	try {
		return parse(value);
	} catch (cause) {
		throw invalid(parent, step, wanted, cause);
	}
}

function isAbsent(value: unknown): value is undefined | null {
	return value === undefined || value === null;
}

function rootOf(field: Field): string {
	return field.up === undefined ? String(field.step) : rootOf(field.up);
}

/** The path below the root, as `spec.ports[1].port`. */
function printPath({step, up}: Field): string {
	if (up === undefined) {
		return '';
	}

	const above = printPath(up);
	if (typeof step === 'number' || /[./]/.test(step)) {
		return `${above}[${JSON.stringify(step)}]`; // an item, or a label
	}

	return above === '' ? step : `${above}.${step}`;
}

function describe(value: unknown): string {
	if (typeof value === 'string') {
		return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
	}

	if (typeof value === 'number' || typeof value === 'boolean') {
		return String(value);
	}

	return isAbsent(value) ? 'absent' : Array.isArray(value) ? 'a list' : 'an object';
}
