import type {Family} from '../../net/address.ts';
import type {BodyOf} from '../../wire/body.ts';
import {metaKeys} from '../../wire/expressions.ts';
import {nfFamilies, type nftables, setFlags, verdictDataType} from '../../wire/nftables.ts';
import {encodeUserdata, setUserdata, type Typeof} from '../../wire/userdata.ts';
import {type Field, type SetSpec, tableName} from './ruleset.ts';
import {fieldLength} from './steps.ts';

// How a set is declared to the kernel: what nft 1.0.6 sends for the same `add set`. The kernel needs lengths and
// flags; the types and the user data are for nft, which prints the set and its elements by them.

type SetBody = BodyOf<typeof nftables.set.layout>;

/** NFPROTO_* of the table's family. */
export function nfFamily(family: Family): number {
	return family === 'IPv4' ? nfFamilies.ipv4 : nfFamilies.ipv6;
}

/** The body of a NEWSET message. @param id names the set inside its batch; the kernel wants one */
export function declareSet(spec: SetSpec, family: Family, id: number): SetBody {
	const {name, key, data, interval, size} = spec;
	const ranges = interval === true && key.length > 1;
	const flags =
		(interval ? setFlags.interval : 0) |
		(ranges ? setFlags.concat : 0) |
		(data === undefined ? 0 : setFlags.map) |
		(size === undefined ? 0 : setFlags.timeout | setFlags.eval);
	return {
		family: nfFamily(family),
		version: 0,
		resource: 0,
		table: tableName,
		name,
		flags,
		keyType: dataType(key, family),
		keyLen: keyLength(key, family),
		...(data !== undefined && {
			dataType: data === 'verdict' ? verdictDataType : dataType(data, family),
			dataLen: data === 'verdict' ? 0 : keyLength(data, family),
		}),
		id,
		...(ranges && {desc: {concat: key.map((field) => ({len: exactLength(field, family)}))}}),
		...(size !== undefined && {desc: {size}}),
		userdata: userdataOf(spec, family),
	};
}

/** Bytes of a key with these fields, each padded to 4. */
export function keyLength(fields: readonly Field[], family: Family): number {
	return fields.reduce((sum, field) => sum + fieldLength(field, family), 0);
}

/** Bytes of one field, without padding. */
function exactLength(field: Field, family: Family): number {
	switch (field) {
		case 'l4proto':
			return 1;
		case 'dport':
		case 'originalDport':
			return 2;
		case 'saddr':
		case 'daddr':
		case 'originalDaddr':
		case 'slot':
		case 'priority':
			return fieldLength(field, family);
	}
}

/** TYPE_* of nft, 6 bits for each field, the first one highest. Source: nftables 1.0.6, include/datatype.h */
function dataType(fields: readonly Field[], family: Family): number {
	return fields.reduce((type, field) => type * 64 + dataTypeOf(field, family), 0);
}

function dataTypeOf(field: Field, family: Family): number {
	switch (field) {
		case 'saddr':
		case 'daddr':
		case 'originalDaddr':
			return family === 'IPv4' ? 7 : 8; // TYPE_IPADDR, TYPE_IP6ADDR
		case 'l4proto':
			return 12; // TYPE_INET_PROTOCOL
		case 'dport':
		case 'originalDport':
			return 13; // TYPE_INET_SERVICE
		case 'slot':
			return 4; // TYPE_INTEGER
		case 'priority':
			return 23; // TYPE_CLASSID
	}
}

/** Byte orders of nft: BYTEORDER_* */
const [invalid, host, bigEndian] = [0, 1, 2];

function userdataOf({key, data}: SetSpec, family: Family): Uint8Array {
	const only = key.length === 1 ? key[0] : undefined;
	return encodeUserdata(setUserdata, {
		// a concatenation has no byte order of its own
		keyByteOrder: only === undefined ? invalid : only === 'priority' ? host : bigEndian,
		...(data !== undefined && {dataByteOrder: data !== 'verdict' && data.length === 1 ? host : invalid}),
		keyTypeof: typeOfAll(key, family),
		...(data !== undefined && {
			dataTypeof: data === 'verdict' ? {expression: expressions.verdict, fields: {}} : typeOfAll(data, family),
			dataInterval: 0,
		}),
	});
}

/** EXPR_*. Source: nftables 1.0.6, include/expression.h, enum expr_types */
const expressions = {verdict: 1, payload: 7, meta: 9, concat: 13, numgen: 23} as const;
/** PROTO_DESC_*. Source: nftables 1.0.6, include/proto.h, enum proto_desc_id */
const protocols = {th: 11, ip: 12, ip6: 13} as const;

function typeOfAll(fields: readonly Field[], family: Family): Typeof {
	const [only, ...more] = fields.map((field) => typeOf(field, family));
	return only !== undefined && more.length === 0
		? only
		: {expression: expressions.concat, parts: fields.map((field) => typeOf(field, family))};
}

function typeOf(field: Field, family: Family): Typeof {
	const isIpv4 = family === 'IPv4';
	const ip = isIpv4 ? protocols.ip : protocols.ip6;
	switch (field) {
		case 'saddr': // IPHDR_SADDR, IP6HDR_SADDR
			return {expression: expressions.payload, fields: {0: ip, 1: isIpv4 ? 11 : 8}};
		case 'daddr':
		case 'originalDaddr': // no key says `ct original`; what a set holds is a destination address
			return {expression: expressions.payload, fields: {0: ip, 1: isIpv4 ? 12 : 9}};
		case 'dport':
		case 'originalDport': // THDR_DPORT
			return {expression: expressions.payload, fields: {0: protocols.th, 1: 2}};
		case 'l4proto':
			return {expression: expressions.meta, fields: {0: metaKeys.l4proto}};
		case 'priority':
			return {expression: expressions.meta, fields: {0: metaKeys.priority}};
		case 'slot': // random, modulus, offset
			return {expression: expressions.numgen, fields: {0: 1, 1: 65_536, 2: 0}};
	}
}
