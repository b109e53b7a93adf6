import type {Change, SourceName} from './change.ts';
import {
	type EndpointSlice,
	keyOf,
	type Node,
	type NodeAddress,
	type ObjectKey,
	type PodAttachment,
	podName,
	type Service,
	type ServiceCidr,
	serviceKey,
	type WorldObject,
} from './objects.ts';
import {isSame} from './same.ts';

/** The cluster as this node knows it. Everyone but the one owner of {@link WritableWorld} reads. */
export type World = {
	/** Those that are proxied, by `namespace/name`: a headless Service is not here. */
	readonly services: ReadonlyMap<ObjectKey, Service>;
	/** Slices by `namespace/name` of their Service, sorted by name; also of Services that are not (yet) known. */
	readonly slices: ReadonlyMap<ObjectKey, readonly EndpointSlice[]>;
	readonly nodes: ReadonlyMap<string, Node>;
	readonly serviceCidrs: ReadonlyMap<string, ServiceCidr>;
	readonly nodeAddresses: ReadonlyMap<ObjectKey, NodeAddress>;
	/** Attached interfaces of pods of this node by `namespace/pod/name`, sorted by their keys. */
	readonly pods: ReadonlyMap<ObjectKey, readonly PodAttachment[]>;
	/** Sources that said `synced`, and whether what they told was complete when they last said so. */
	readonly synced: ReadonlyMap<SourceName, boolean>;
};

/** The world in the hands of its one writer, {@link reduce}. */
export type WritableWorld = {
	readonly services: Map<ObjectKey, Service>;
	readonly slices: Map<ObjectKey, readonly EndpointSlice[]>;
	/** Every slice that is in `slices`, by its own name: its Service may differ from the one it had before. */
	readonly sliceByName: Map<ObjectKey, EndpointSlice>;
	readonly nodes: Map<string, Node>;
	readonly serviceCidrs: Map<string, ServiceCidr>;
	readonly nodeAddresses: Map<ObjectKey, NodeAddress>;
	readonly pods: Map<ObjectKey, readonly PodAttachment[]>;
	/** Every attachment that is in `pods`, by its own key: a pod that takes the place of another may have its name. */
	readonly attachments: Map<ObjectKey, PodAttachment>;
	readonly synced: Map<SourceName, boolean>;
};

/** What differs from before in a world. */
export type Touched = {
	/** `namespace/name` of Services that came, went, changed, or whose slices did. */
	readonly services: ReadonlySet<ObjectKey>;
	readonly nodes: ReadonlySet<string>;
	readonly serviceCidrs: boolean;
	readonly nodeAddresses: boolean;
	/** `namespace/pod/name` of pods whose attachments came, went or changed. */
	readonly pods: ReadonlySet<ObjectKey>;
	readonly synced: boolean;
};

/** {@link Touched} while changes are still added to it. */
export type WritableTouched = {
	readonly services: Set<ObjectKey>;
	readonly nodes: Set<string>;
	serviceCidrs: boolean;
	nodeAddresses: boolean;
	readonly pods: Set<ObjectKey>;
	synced: boolean;
};

export function createWorld(): WritableWorld {
	return {
		services: new Map(),
		slices: new Map(),
		sliceByName: new Map(),
		nodes: new Map(),
		serviceCidrs: new Map(),
		nodeAddresses: new Map(),
		pods: new Map(),
		attachments: new Map(),
		synced: new Map(),
	};
}

export function nothingTouched(): WritableTouched {
	return {
		services: new Set(),
		nodes: new Set(),
		serviceCidrs: false,
		nodeAddresses: false,
		pods: new Set(),
		synced: false,
	};
}

/** Everything that a world holds, for one who has not followed it from its beginning. */
export function everythingTouched(world: World): Touched {
	return {
		services: new Set([...world.services.keys(), ...world.slices.keys()]),
		nodes: new Set(world.nodes.keys()),
		serviceCidrs: true,
		nodeAddresses: true,
		pods: new Set(world.pods.keys()),
		synced: true,
	};
}

/**
 * Makes `changes` part of `world`, in place and in order, and returns what they touched, added to `touched`. What a
 * world already holds touches nothing, nor does the deletion of what it does not. A Service or slice that is not
 * proxied counts as absent. The cost is that of the changes, whatever the world's size.
 */
export function reduce(
	world: WritableWorld,
	changes: Iterable<Change>,
	touched: WritableTouched = nothingTouched(),
): WritableTouched {
	for (const change of changes) {
		switch (change.verb) {
			case 'put':
				put(world, change.object, touched);
				break;
			case 'delete':
				remove(world, change.kind, change.key, touched);
				break;
			case 'synced':
				touched.synced ||= world.synced.get(change.source) !== change.complete;
				world.synced.set(change.source, change.complete);
		}
	}

	return touched;
}

/** Whether connections to the Service are this proxy's to handle. Source: kube-proxy, ShouldSkipService and its watch. */
function isProxied({type, clusterIps, proxyName}: Service): boolean {
	return type !== 'ExternalName' && clusterIps.length > 0 && proxyName === undefined;
}

function put(world: WritableWorld, object: WorldObject, touched: WritableTouched): void {
	const key = keyOf(object);
	switch (object.kind) {
		case 'Service':
			if (setOrDelete(world.services, key, isProxied(object) ? object : undefined)) {
				touched.services.add(key);
			}

			break;
		case 'EndpointSlice':
			setSlice(world, key, object.service === '' ? undefined : object, touched);
			break;
		case 'Node':
			if (setOrDelete(world.nodes, key, object)) {
				touched.nodes.add(key);
			}

			break;
		case 'ServiceCIDR':
			touched.serviceCidrs = setOrDelete(world.serviceCidrs, key, object) || touched.serviceCidrs;
			break;
		case 'NodeAddress':
			touched.nodeAddresses = setOrDelete(world.nodeAddresses, key, object) || touched.nodeAddresses;
			break;
		case 'PodAttachment':
			setAttachment(world, key, object, touched);
	}
}

function remove(world: WritableWorld, kind: WorldObject['kind'], key: ObjectKey, touched: WritableTouched) {
	switch (kind) {
		case 'Service':
			if (world.services.delete(key)) {
				touched.services.add(key);
			}

			break;
		case 'EndpointSlice':
			setSlice(world, key, undefined, touched);
			break;
		case 'Node':
			if (world.nodes.delete(key)) {
				touched.nodes.add(key);
			}

			break;
		case 'ServiceCIDR':
			touched.serviceCidrs = world.serviceCidrs.delete(key) || touched.serviceCidrs;
			break;
		case 'NodeAddress':
			touched.nodeAddresses = world.nodeAddresses.delete(key) || touched.nodeAddresses;
			break;
		case 'PodAttachment':
			setAttachment(world, key, undefined, touched);
	}
}

/** Returns whether that made a difference. */
function setOrDelete<K, V>(map: Map<K, V>, key: K, value: V | undefined): boolean {
	if (value === undefined) {
		return map.delete(key);
	}

	if (isSame(map.get(key), value)) {
		return false;
	}

	map.set(key, value);
	return true;
}

/** A slice may move from one Service to another, and then touches both. */
function setSlice(
	world: WritableWorld,
	key: ObjectKey,
	slice: EndpointSlice | undefined,
	touched: WritableTouched,
): void {
	const before = world.sliceByName.get(key);
	if (!setOrDelete(world.sliceByName, key, slice)) {
		return;
	}

	if (before !== undefined) {
		const owner = serviceKey(before.namespace, before.service);
		const rest = world.slices.get(owner)?.filter((other) => other !== before) ?? [];
		setOrDelete(world.slices, owner, rest.length === 0 ? undefined : rest);
		touched.services.add(owner);
	}

	if (slice !== undefined) {
		const owner = serviceKey(slice.namespace, slice.service);
		const others = world.slices.get(owner);
		world.slices.set(owner, others === undefined ? [slice] : [...others, slice].sort(bySliceName));
		touched.services.add(owner);
	}
}

/** What an attachment belongs to may change too, and then both are touched. */
function setAttachment(
	world: WritableWorld,
	key: ObjectKey,
	attachment: PodAttachment | undefined,
	touched: WritableTouched,
): void {
	const before = world.attachments.get(key);
	if (!setOrDelete(world.attachments, key, attachment)) {
		return;
	}

	if (before !== undefined) {
		const owner = podKey(before);
		const rest = world.pods.get(owner)?.filter((other) => other !== before) ?? [];
		setOrDelete(world.pods, owner, rest.length === 0 ? undefined : rest);
		touched.pods.add(owner);
	}

	if (attachment !== undefined) {
		const owner = podKey(attachment);
		world.pods.set(owner, [...(world.pods.get(owner) ?? []), attachment].sort(byAttachmentKey));
		touched.pods.add(owner);
	}
}

function podKey({namespace, name}: PodAttachment): ObjectKey {
	return serviceKey(namespace, podName(name));
}

function byAttachmentKey(a: PodAttachment, b: PodAttachment): number {
	return keyOf(a) < keyOf(b) ? -1 : 1;
}

/** Slices of one Service are of one namespace. The order decides which of two equal endpoints stands. */
function bySliceName(a: EndpointSlice, b: EndpointSlice): number {
	return a.name < b.name ? -1 : 1;
}
