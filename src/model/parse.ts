import {type Field, readText, readTextOrNone, rootField} from './fields.ts';
import {type Metadata, parseMetadata, printName} from './metadata.ts';
import type {KubeObject} from './objects.ts';
import {parseNode, parseServiceCidr} from './parse-node.ts';
import {parseService} from './parse-service.ts';
import {parseEndpointSlice} from './parse-slice.ts';

/** An object, and what of it was skipped as kube-proxy skips it: a line for the log each. */
export type Parsed = {readonly object: KubeObject; readonly warnings: readonly string[]};

type Parser = (root: Field, metadata: Metadata, warnings: string[]) => KubeObject;

/** `apiVersion kind` → its parser, and whether it lives in a namespace. */
const parsers: ReadonlyMap<string, readonly [parse: Parser, namespaced: boolean]> = new Map([
	['v1 Service', [parseService, true]],
	['discovery.k8s.io/v1 EndpointSlice', [parseEndpointSlice, true]],
	['v1 Node', [parseNode, false]],
	['networking.k8s.io/v1 ServiceCIDR', [parseServiceCidr, false]],
	['networking.k8s.io/v1beta1 ServiceCIDR', [parseServiceCidr, false]],
] as const);

/** One list for all objects that read well. */
const noWarnings: readonly never[] = [];

/**
 * The object that one item of JSON stands for, with only the fields that decide where a packet goes; undefined for
 * kinds that are none of our business, such as a Pod. Fields that the API server would fill in may be left out.
 *
 * @param value as JSON.parse or a YAML parser gives it; nothing of it but short strings is kept
 * @throws NetError OBJECT_INVALID naming object and field, with `details` {object, field, problem}
 */
export function parseObject(value: unknown): Parsed | undefined {
	const anonymous = rootField(value, 'object');
	const version = readTextOrNone(anonymous, 'apiVersion');
	const kind = readText(anonymous, 'kind');
	const entry = parsers.get(`${version} ${kind}`);
	if (entry === undefined) {
		return undefined;
	}

	const [parse, namespaced] = entry;
	const metadata = parseMetadata(value, kind, namespaced);
	const warnings: string[] = [];
	const object = parse(rootField(value, printName(kind, metadata)), metadata, warnings);
	return {object, warnings: warnings.length === 0 ? noWarnings : warnings};
}
