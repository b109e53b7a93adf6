import {child, invalid, readText, readTextOrNone, rootField} from './fields.ts';
import {internText} from './pool.ts';

/** What every API object says of itself. `namespace` is empty for kinds that live in none. */
export type Metadata = {readonly namespace: string; readonly name: string};

/** @throws NetError OBJECT_INVALID when the object has no name */
export function parseMetadata(value: unknown, kind: string, namespaced: boolean): Metadata {
	const metadata = child(rootField(value, kind), 'metadata');
	const name = readText(metadata, 'name');
	if (name === '') {
		throw invalid(metadata, 'name', 'a name');
	}

	// kubectl writes an object that names no namespace into this one.
	const namespace = namespaced ? internText(readTextOrNone(metadata, 'namespace') || 'default') : '';
	return {namespace, name};
}

/** `Service shop/web`, `Node worker-1`: what errors, warnings and reasons call the object. */
export function printName(kind: string, {namespace, name}: Metadata): string {
	return namespace === '' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}
