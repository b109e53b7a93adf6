/**
 * A pool that holds one value for each key, so that equal values are one in memory: it returns the value it knows
 * for `key`, else keeps and returns `value`. When it has grown to `limit` it forgets all it knows: values that come
 * later are then equal to older ones, but no longer the same.
 */
export function createPool<T>(limit: number): (key: string, value: T) => T {
	const values = new Map<string, T>();
	return (key, value) => {
		const known = values.get(key);
		if (known !== undefined) {
			return known;
		}

		if (values.size >= limit) {
			values.clear();
		}

		values.set(key, value);
		return value;
	};
}

const texts = createPool<string>(20_000);

/** The text itself, one for all that are equal: names of nodes, zones, namespaces and ports repeat by the thousand. */
export function internText(text: string): string {
	return texts(text, text);
}
