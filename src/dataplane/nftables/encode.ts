import type {Family} from '../../net/address.ts';
import {lastAddress, type Prefix} from '../../net/prefix.ts';
import {encodeMessage, type RequestHeader} from '../../wire/body.ts';
import {ElementWriter} from '../../wire/elements.ts';
import type {Expression} from '../../wire/expressions.ts';
import {messageFlags} from '../../wire/message.ts';
import {hooks, nftables, tableFlags} from '../../wire/nftables.ts';
import {commentUserdata, encodeUserdata} from '../../wire/userdata.ts';
import {Writer} from '../../wire/writer.ts';
import {declareSet, nfFamily} from './declaration.ts';
import {ElementForm} from './element-form.ts';
import {tableComment} from './print.ts';
import {program} from './programs.ts';
import {type Op, tableName} from './ruleset.ts';

/**
 * Operations as the messages of one transaction, and back from a refused message to its operation. One is used for
 * one transaction after another, and keeps its buffer.
 */
export class Encoder {
	readonly #family: Family;
	readonly #writer = new Writer(512 * 1024);
	readonly #list: ElementWriter;
	readonly #form: ElementForm;
	#ops: readonly Op[] = [];
	/** Byte at which each operation starts. */
	#starts: number[] = [];
	/** Each message: the byte at which it starts, and its first operation. */
	#messages: {readonly start: number; readonly first: number}[] = [];
	/** Operation that opened the message which more elements can join. */
	#open: ElementOp | undefined;
	#sets = 0;

	constructor(family: Family) {
		this.#family = family;
		this.#list = new ElementWriter(this.#writer);
		this.#form = new ElementForm(family);
	}

	/** The messages of a transaction; valid until the next call. */
	encode(ops: readonly Op[]): Uint8Array {
		this.#writer.reset();
		this.#ops = ops;
		this.#starts = [];
		this.#messages = [];
		for (const op of ops) {
			if (isElement(op)) {
				this.#encodeElement(op);
			} else {
				this.#closeList();
				this.#beginMessage();
				this.#starts.push(this.#writer.length);
				this.#encodeOp(op);
			}
		}

		this.#closeList();
		return this.#writer.written();
	}

	/**
	 * The operation that the kernel did not take, where that can be told.
	 *
	 * @param index of the message in the transaction
	 * @param offset of the byte at fault in it; some kernels do not say which of many elements it is
	 */
	operationAt(index: number, offset: number | undefined): Op | undefined {
		const message = this.#messages[index];
		if (message === undefined) {
			return undefined;
		}

		const end = this.#messages[index + 1]?.first ?? this.#ops.length;
		if (end - message.first === 1) {
			return this.#ops[message.first];
		}

		const at = message.start + (offset ?? -1);
		const starts = this.#starts.slice(message.first, end);
		const found = starts.findLastIndex((start) => start <= at);
		return found < 0 ? undefined : this.#ops[message.first + found];
	}

	#beginMessage(): void {
		this.#messages.push({start: this.#writer.length, first: this.#starts.length});
	}

	#encodeElement(op: ElementOp): void {
		if (this.#open?.verb !== op.verb || this.#open.element.set !== op.element.set) {
			this.#openList(op);
		}

		const element = op.kind === 'element' ? this.#form.element(op.element, op.verb) : op.element;
		let start = this.#writer.length;
		if (!this.#list.add(element)) {
			this.#openList(op);
			start = this.#writer.length;
			this.#list.add(element);
		}

		this.#starts.push(start);
		if (op.kind === 'element' && 'prefix' in op.element) {
			this.#encodeEnd(op.element.prefix);
		}
	}

	/** The element behind an interval's last address; the few intervals that are no concatenation never fill a message. */
	#encodeEnd(prefix: Prefix): void {
		const end = this.#form.end(lastAddress(prefix));
		if (end !== undefined) {
			this.#list.add(end);
		}
	}

	#openList(op: ElementOp): void {
		this.#closeList();
		this.#beginMessage();
		this.#open = op;
		const type = op.verb === 'add' ? nftables.element.new : nftables.element.delete;
		this.#list.open(header(type, op.verb), nfFamily(this.#family), tableName, op.element.set);
	}

	#closeList(): void {
		if (this.#open !== undefined) {
			this.#list.close();
			this.#open = undefined;
		}
	}

	#encodeOp(op: Exclude<Op, ElementOp>): void {
		const writer = this.#writer;
		const at = {family: nfFamily(this.#family), table: tableName};
		switch (op.kind) {
			case 'table':
				encodeTable(writer, op, at);
				break;
			case 'set':
				encodeSet(writer, op, this.#family, ++this.#sets);
				break;
			case 'foreignSet':
				encodeMessage(writer, header(nftables.set.delete, op.verb), nftables.set.layout, {...at, name: op.name});
				break;
			case 'chain':
				encodeChain(writer, op, at);
				break;
			case 'rule':
				encodeRule(writer, program(op.rule, this.#family), {...at, chain: op.chain});
				break;
		}
	}
}

type Place = {readonly family: number; readonly table: string};
type OpOf<K extends Op['kind']> = Extract<Op, {readonly kind: K}>;

function encodeTable(writer: Writer, op: OpOf<'table'>, {family, table}: Place): void {
	const type = op.verb === 'add' ? nftables.table.new : nftables.table.delete;
	const body = {family, name: table, ...(op.verb === 'add' && declareTable(op.owned))};
	encodeMessage(writer, header(type, op.verb), nftables.table.layout, body);
}

function encodeSet(writer: Writer, op: OpOf<'set'>, family: Family, id: number): void {
	if (op.verb === 'add') {
		encodeMessage(writer, header(nftables.set.new, op.verb), nftables.set.layout, declareSet(op.spec, family, id));
	} else {
		const body = {family: nfFamily(family), table: tableName, set: op.name};
		encodeMessage(writer, header(nftables.element.delete, op.verb), nftables.element.layout, body);
	}
}

/** NF_ACCEPT: a packet that no rule decides goes on. */
const accept = 1;

function encodeChain(writer: Writer, {verb, name, hook}: OpOf<'chain'>, at: Place): void {
	if (verb === 'flush') {
		encodeMessage(writer, header(nftables.rule.delete, verb), nftables.rule.layout, {...at, chain: name});
		return;
	}

	const type = verb === 'add' ? nftables.chain.new : nftables.chain.delete;
	const hooked = hook && {type: 'nat', policy: accept, hook: {hooknum: hooks[hook.hook], priority: hook.priority}};
	encodeMessage(writer, header(type, verb), nftables.chain.layout, {...at, name, ...hooked});
}

function encodeRule(writer: Writer, expressions: readonly Expression[], at: Place & {readonly chain: string}): void {
	const flags = messageFlags.request | messageFlags.create | messageFlags.append;
	encodeMessage(writer, {type: nftables.rule.new, flags, sequence: 0}, nftables.rule.layout, {...at, expressions});
}

type ElementOp = Extract<Op, {readonly kind: 'element' | 'foreignElement'}>;

function isElement(op: Op): op is ElementOp {
	return op.kind === 'element' || op.kind === 'foreignElement';
}

function header(type: number, verb: Op['verb']): RequestHeader {
	return {type, flags: messageFlags.request | (verb === 'add' ? messageFlags.create : 0), sequence: 0};
}

function declareTable(owned: boolean) {
	const flags = owned ? tableFlags.owner | tableFlags.persist : 0;
	return {flags, userdata: encodeUserdata(commentUserdata, {comment: tableComment})};
}
