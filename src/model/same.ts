/**
 * Whether two plain values (texts, numbers, lists, objects of them) say the same; an absent field and an undefined
 * one do. The cost is that of the values up to their first difference.
 */
export function isSame(a: unknown, b: unknown): boolean {
	if (a === b) {
		return true;
	}

	if (Array.isArray(a) && Array.isArray(b)) {
		return a.length === b.length && a.every((item, index) => isSame(item, b[index]));
	}

	if (!isRecord(a) || !isRecord(b)) {
		return false;
	}

	return hasSameFields(a, b) && hasSameFields(b, a);
}

function hasSameFields(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
	for (const name in a) {
		if (!isSame(a[name], b[name])) {
			return false;
		}
	}

	return true;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
