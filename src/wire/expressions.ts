import {NetError} from '../errors.ts';
import {type AttributesOf, attributeTable, decodeAttributes, encodeAttributes, type Kind, nested} from './attribute.ts';
import {be32, be64, beS32, bytes, string, u8} from './kinds.ts';
import {NESTED, type Writer} from './writer.ts';

// Source of all tables and constants: include/uapi/linux/netfilter/nf_tables.h. Rows stand in the order in which
// libnftnl writes them, so that our bytes can be laid beside `nft --debug=mnl`.

/** Where a rule's program keeps values. A 16-byte register is four 4-byte ones; the kernel prints 8 as 1, 12 as 2 … */
export const registers = {
	verdict: 0, // NFT_REG_VERDICT
	first: 1, // NFT_REG_1: bytes 0 to 15, also NFT_REG32_00 to 03
	word: 8, // NFT_REG32_00: word + n is the n-th 4 bytes
} as const;

/** NFTA_VERDICT_CODE: nft verdicts are negative, those of netfilter are not. */
export const verdicts = {
	drop: 0, // NF_DROP
	accept: 1, // NF_ACCEPT
	continue: -1, // NFT_CONTINUE
	break: -2, // NFT_BREAK
	jump: -3, // NFT_JUMP
	goto: -4, // NFT_GOTO
	return: -5, // NFT_RETURN
} as const;

/** NFTA_VERDICT_* */
const verdictAttributes = attributeTable({
	code: [1, beS32], // NFTA_VERDICT_CODE
	chain: [2, string], // NFTA_VERDICT_CHAIN, of jump and goto
});

/** NFTA_DATA_* */
const dataAttributes = attributeTable({
	value: [1, bytes], // NFTA_DATA_VALUE
	verdict: [2, nested(verdictAttributes)], // NFTA_DATA_VERDICT
});

/** NFTA_DATA_* where only a value makes sense: the value itself. */
export const dataValue: Kind<Uint8Array> = {
	flags: NESTED,
	write: (writer, value) => encodeAttributes(writer, dataAttributes, {value}),
	read(view, start, end) {
		const {value} = decodeAttributes(dataAttributes, new Uint8Array(view.buffer, view.byteOffset + start, end - start));
		if (value === undefined) {
			throw new NetError('WIRE_INVALID', 'read data without a value', {length: end - start});
		}

		return value;
	},
};

/** The register programs of nft, by the name that NFTA_EXPR_NAME carries. */
const expressionTables = {
	/** Loads packet bytes. NFTA_PAYLOAD_*; base is one of {@link payloadBases} */
	payload: attributeTable({
		sreg: [5, be32],
		dreg: [1, be32],
		base: [2, be32],
		offset: [3, be32],
		len: [4, be32],
		csumType: [6, be32],
		csumOffset: [7, be32],
		csumFlags: [8, be32],
	}),
	/** Loads (dreg) or sets (sreg) what the kernel knows of the packet. NFTA_META_*; key is one of {@link metaKeys} */
	meta: attributeTable({key: [2, be32], dreg: [1, be32], sreg: [3, be32]}),
	/** Ends the rule unless the register compares so. NFTA_CMP_*; op is one of {@link compareOps} */
	cmp: attributeTable({sreg: [1, be32], op: [2, be32], data: [3, dataValue]}),
	/** dreg = (sreg & mask) ^ xor. NFTA_BITWISE_*; op 0 is NFT_BITWISE_MASK_XOR, which the kernel adds when it dumps */
	bitwise: attributeTable({
		sreg: [1, be32],
		dreg: [2, be32],
		len: [3, be32],
		op: [6, be32],
		mask: [4, dataValue],
		xor: [5, dataValue],
		data: [7, dataValue],
	}),
	/** Swaps bytes. NFTA_BYTEORDER_*; op 0 is ntoh, 1 is hton; size is that of one number */
	byteorder: attributeTable({sreg: [1, be32], dreg: [2, be32], op: [3, be32], len: [4, be32], size: [5, be32]}),
	/** Loads a constant or ends with a verdict. NFTA_IMMEDIATE_* */
	immediate: attributeTable({dreg: [1, be32], data: [2, nested(dataAttributes)]}),
	/** Looks a key up; without dreg the rule ends where it is missing, or with flags 1 (NFT_LOOKUP_F_INV) where found. NFTA_LOOKUP_* */
	lookup: attributeTable({sreg: [2, be32], dreg: [3, be32], set: [1, string], setId: [4, be32], flags: [5, be32]}),
	/** Changes a set from the packet path. NFTA_DYNSET_*; op 0 adds, 1 updates, 2 deletes; timeout in milliseconds */
	dynset: attributeTable({
		sregKey: [4, be32],
		sregData: [5, be32],
		op: [3, be32],
		timeout: [6, be64],
		set: [1, string],
		setId: [2, be32],
		flags: [9, be32],
	}),
	/** dreg = offset + (counter or random) mod modulus. NFTA_NG_*; type 0 is incremental, 1 random */
	numgen: attributeTable({dreg: [1, be32], modulus: [2, be32], type: [3, be32], offset: [4, be32]}),
	/** dreg = offset + hash mod modulus. NFTA_HASH_*; type 0 is jenkins (jhash), 1 symmetric */
	hash: attributeTable({
		sreg: [1, be32],
		dreg: [2, be32],
		len: [3, be32],
		modulus: [4, be32],
		seed: [5, be32],
		offset: [6, be32],
		type: [7, be32],
	}),
	/** NFTA_NAT_*; type 0 is snat, 1 dnat; the registers hold address and port; flags are {@link natFlags} */
	nat: attributeTable({
		type: [1, be32],
		family: [2, be32],
		regAddrMin: [3, be32],
		regAddrMax: [4, be32],
		regProtoMin: [5, be32],
		regProtoMax: [6, be32],
		flags: [7, be32],
	}),
	/** Masquerade. NFTA_MASQ_* */
	masq: attributeTable({flags: [1, be32], regProtoMin: [2, be32], regProtoMax: [3, be32]}),
	/** Redirect to this node. NFTA_REDIR_* */
	redir: attributeTable({regProtoMin: [1, be32], regProtoMax: [2, be32], flags: [3, be32]}),
	/** NFTA_REJECT_*; type is one of {@link rejectTypes}, code that of ICMP */
	reject: attributeTable({type: [1, be32], code: [2, u8]}),
	/** Asks the routing table. NFTA_FIB_*; flags are {@link fibFlags}, result one of {@link fibResults} */
	fib: attributeTable({flags: [3, be32], result: [2, be32], dreg: [1, be32]}),
	/** Loads or sets a fact of the connection. NFTA_CT_*; key is one of {@link ctKeys}, direction 0 original, 1 reply */
	ct: attributeTable({key: [2, be32], dreg: [1, be32], direction: [3, u8], sreg: [4, be32]}),
	/** NFTA_COUNTER_* */
	counter: attributeTable({bytes: [1, be64], packets: [2, be64]}),
} as const;

type Tables = typeof expressionTables;
type ExpressionName = keyof Tables;

/** One step of a rule's program. A step that we never write is read as `unknown`, so that a foreign rule can be named. */
export type Expression =
	| {readonly [K in ExpressionName]: {readonly kind: K} & AttributesOf<Tables[K]>}[ExpressionName]
	| {readonly kind: 'unknown'; readonly name: string; readonly data?: Uint8Array};

/** NFTA_EXPR_*, the data still as bytes */
const rawAttributes = attributeTable({
	name: [1, string], // NFTA_EXPR_NAME
	data: [2, bytes], // NFTA_EXPR_DATA
});

/** NFTA_EXPR_*, as the elements of NFTA_RULE_EXPRESSIONS. */
export const expression: Kind<Expression> = {
	flags: NESTED,
	write(writer, value) {
		const name = writer.beginAttribute(1); // NFTA_EXPR_NAME
		string.write(writer, value.kind === 'unknown' ? value.name : value.kind);
		writer.endAttribute(name);
		const data = writer.beginAttribute(2 | NESTED); // NFTA_EXPR_DATA
		writeData(writer, value);
		writer.endAttribute(data);
	},
	read(view, start, end) {
		const all = new Uint8Array(view.buffer, view.byteOffset + start, end - start);
		const {name, data} = decodeAttributes(rawAttributes, all);
		if (name === undefined) {
			throw new NetError('WIRE_INVALID', 'read an expression without a name', {length: end - start});
		}

		if (!isKnown(name)) {
			return data === undefined ? {kind: 'unknown', name} : {kind: 'unknown', name, data};
		}

		// the table of `name` gives exactly the attributes that the union has for it
		return {kind: name, ...decodeAttributes(expressionTables[name], data ?? new Uint8Array())} as Expression;
	},
};

function isKnown(name: string): name is ExpressionName {
	return Object.hasOwn(expressionTables, name);
}

function writeData(writer: Writer, value: Expression): void {
	if (value.kind !== 'unknown') {
		encodeAttributes(writer, expressionTables[value.kind], value as object);
	} else if (value.data !== undefined) {
		writer.raw(value.data);
	}
}

/** Every table by name, for tests that generate expressions. */
export const expressions: Readonly<Record<string, Tables[ExpressionName]>> = expressionTables;

/** NFT_PAYLOAD_*_HEADER */
export const payloadBases = {link: 0, network: 1, transport: 2, inner: 3} as const;

/** NFT_CMP_* */
export const compareOps = {eq: 0, neq: 1, lt: 2, lte: 3, gt: 4, gte: 5} as const;

/** NFT_META_*, those of use to a load balancer */
export const metaKeys = {
	protocol: 1,
	priority: 2,
	mark: 3,
	iif: 4,
	oif: 5,
	iifname: 6,
	oifname: 7,
	nfproto: 15,
	l4proto: 16,
	pkttype: 19,
} as const;

/** NFT_CT_*; the addresses of one family only, unlike NFT_CT_SRC and NFT_CT_DST, need a direction */
export const ctKeys = {
	state: 0,
	direction: 1,
	status: 2,
	mark: 3,
	protocol: 10,
	protoSrc: 11,
	protoDst: 12,
	srcIp: 19,
	dstIp: 20,
	srcIp6: 21,
	dstIp6: 22,
} as const;

/** NF_NAT_RANGE_*. Source: include/uapi/linux/netfilter/nf_nat.h */
export const natFlags = {random: 0x4, persistent: 0x8, fullyRandom: 0x10} as const;

/** NFT_REJECT_* */
export const rejectTypes = {icmpUnreachable: 0, tcpReset: 1, icmpxUnreachable: 2} as const;

/** NFTA_FIB_F_* */
export const fibFlags = {saddr: 0x1, daddr: 0x2, mark: 0x4, iif: 0x8, oif: 0x10, present: 0x20} as const;

/** NFT_FIB_RESULT_* */
export const fibResults = {oif: 1, oifname: 2, addressType: 3} as const;
