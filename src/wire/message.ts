import {NetError} from '../errors.ts';
import {type AttributesOf, attributeTable, decodeAttributes} from './attribute.ts';
import {string, u32} from './kinds.ts';
import {align, littleEndian, viewOf, type Writer} from './writer.ts';

/** Message types below NLMSG_MIN_TYPE, shared by all netlink families. Source: include/uapi/linux/netlink.h */
export const controlTypes = {
	noop: 1, // NLMSG_NOOP
	error: 2, // NLMSG_ERROR: a refusal, or with errno 0 an acknowledgement
	done: 3, // NLMSG_DONE: the end of a dump
	overrun: 4, // NLMSG_OVERRUN
} as const;

/** NLM_F_*, flags of every message. The same bit means another thing in another kind of request. Source: same header */
export const messageFlags = {
	request: 0x1, // NLM_F_REQUEST
	multi: 0x2, // NLM_F_MULTI: one of several, up to NLMSG_DONE
	acknowledge: 0x4, // NLM_F_ACK: please answer, success too
	echo: 0x8, // NLM_F_ECHO: answer with the object that was made, so with its handle
	dumpInterrupted: 0x10, // NLM_F_DUMP_INTR: the dump mixes two states, read it again
	dumpFiltered: 0x20, // NLM_F_DUMP_FILTERED
	root: 0x100, // NLM_F_ROOT, of a GET
	match: 0x200, // NLM_F_MATCH, of a GET
	dump: 0x300, // NLM_F_DUMP = ROOT | MATCH: all objects, not one
	replace: 0x100, // NLM_F_REPLACE, of a NEW
	exclusive: 0x200, // NLM_F_EXCL, of a NEW: refuse what exists
	create: 0x400, // NLM_F_CREATE, of a NEW
	append: 0x800, // NLM_F_APPEND, of a NEW
	nonRecursive: 0x100, // NLM_F_NONREC, of a DEL
	capped: 0x100, // NLM_F_CAPPED, of an NLMSG_ERROR: the request's payload is left out
	acknowledgeAttributes: 0x200, // NLM_F_ACK_TLVS, of an NLMSG_ERROR or NLMSG_DONE: attributes follow
} as const;

/** One netlink message without its header's length. `payload` is a view into the datagram it came in. */
export type Message = {
	readonly type: number;
	readonly flags: number;
	/** Of the request that this answers. An event carries that of the program which caused it, so it tells nothing. */
	readonly sequence: number;
	/** The netlink port of whoever sent that request; in an event another program's, or 0 for the kernel. */
	readonly port: number;
	readonly payload: Uint8Array;
};

/** The kernel's answer to a request, or the end of a dump. */
export type Acknowledgement = {
	/** 0 for success, else a positive errno such as 2 for ENOENT. */
	readonly errno: number;
	/** The sequence of the request. */
	readonly sequence: number;
	/** The type of the request; 0 at the end of a dump, which does not repeat it. */
	readonly type: number;
	/** The kernel's own sentence (extended ack), where it gave one. Success may carry one too, as a warning. */
	readonly text?: string;
	/** Which byte of the request is at fault, counted from its nlmsghdr. */
	readonly offset?: number;
};

const headerLength = 16; // NLMSG_HDRLEN, struct nlmsghdr

/** Opens a message and returns its start, for {@link endMessage}. `port` 0 lets the kernel fill in ours. */
export function beginMessage(writer: Writer, type: number, flags: number, sequence: number, port = 0): number {
	const start = writer.reserve(headerLength);
	const {view} = writer;
	view.setUint16(start + 4, type, littleEndian);
	view.setUint16(start + 6, flags, littleEndian);
	view.setUint32(start + 8, sequence, littleEndian);
	view.setUint32(start + 12, port, littleEndian);
	return start;
}

/** Closes the message that was opened at `start`: writes its length and pads to 4 bytes. */
export function endMessage(writer: Writer, start: number): void {
	writer.view.setUint32(start, writer.length - start, littleEndian);
	writer.pad();
}

/**
 * The messages of one datagram, in order.
 *
 * @throws NetError WIRE_TRUNCATED when a header claims more bytes than there are, or fewer than its own 16
 * Source: include/uapi/linux/netlink.h, struct nlmsghdr
 */
export function decodeMessages(datagram: Uint8Array): Message[] {
	const view = viewOf(datagram);
	const messages: Message[] = [];
	for (let at = 0; at < datagram.length; ) {
		const left = datagram.length - at;
		const length = left < headerLength ? 0 : view.getUint32(at, littleEndian);
		if (length < headerLength || length > left) {
			throw new NetError('WIRE_TRUNCATED', `read the message at byte ${at}`, {at, length, left});
		}

		messages.push({
			type: view.getUint16(at + 4, littleEndian),
			flags: view.getUint16(at + 6, littleEndian),
			sequence: view.getUint32(at + 8, littleEndian),
			port: view.getUint32(at + 12, littleEndian),
			payload: datagram.subarray(at + headerLength, at + length),
		});
		at += align(length);
	}

	return messages;
}

/** NLMSGERR_ATTR_*. Source: include/uapi/linux/netlink.h, enum nlmsgerr_attrs */
const acknowledgementAttributes = attributeTable({
	text: [1, string], // NLMSGERR_ATTR_MSG
	offset: [2, u32], // NLMSGERR_ATTR_OFFS
});

/**
 * What an NLMSG_ERROR or NLMSG_DONE says, extended ack included. Right with and without NETLINK_CAP_ACK: without it
 * a refusal repeats the whole request before the attributes.
 *
 * @throws NetError WIRE_TRUNCATED when it ends before the errno or before the request it repeats
 * Source: net/netlink/af_netlink.c, netlink_ack and netlink_dump_done
 */
export function decodeAcknowledgement(message: Message): Acknowledgement {
	const {payload} = message;
	const view = viewOf(payload);
	if (message.type === controlTypes.done) {
		// some families end a dump without the errno
		const errno = payload.length < 4 ? 0 : -view.getInt32(0, littleEndian);
		return {errno: positive(errno), sequence: message.sequence, type: 0, ...explanation(message, 4)};
	}

	if (payload.length < 4 + headerLength) {
		throw new NetError('WIRE_TRUNCATED', 'read an acknowledgement', {length: payload.length});
	}

	const repeated = (message.flags & messageFlags.capped) === 0 ? view.getUint32(4, littleEndian) : headerLength;
	return {
		errno: positive(-view.getInt32(0, littleEndian)),
		type: view.getUint16(8, littleEndian),
		sequence: view.getUint32(12, littleEndian),
		...explanation(message, 4 + align(repeated)),
	};
}

/** The kernel says 0 for success, and -0 is not 0 to a deep comparison. */
function positive(errno: number): number {
	return errno === 0 ? 0 : errno;
}

function explanation(message: Message, start: number): AttributesOf<typeof acknowledgementAttributes> {
	const present = (message.flags & messageFlags.acknowledgeAttributes) !== 0;
	return present ? decodeAttributes(acknowledgementAttributes, message.payload, start) : {};
}
