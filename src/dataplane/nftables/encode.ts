import type {Family} from '../../net/address.ts';
import {lastAddress, type Prefix} from '../../net/prefix.ts';
import {encodeMessage, type RequestHeader} from '../../wire/body.ts';
import {elementIndexAt} from '../../wire/element-reader.ts';
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

/** A message: where it starts, its first operation, and how many elements each of them takes on the wire. */
type Sent = {readonly start: number; readonly first: number; readonly elementsEach: number};

/**
 * Operations as the messages of one transaction, and back from a refused message to its operation. One is used for
 * one transaction after another, and keeps its buffer.
 */
export class Encoder {
	readonly #family: Family;
	readonly #writer = new Writer(512 * 1024);
	readonly #list: ElementWriter;
	readonly #form: ElementForm;
	#ops: Op[] = [];
	#messages: Sent[] = [];
	/** Operation that opened the message which more elements can join. */
	#open: ElementOp | undefined;
	#sets = 0;

	constructor(family: Family) {
		this.#family = family;
		this.#list = new ElementWriter(this.#writer);
		this.#form = new ElementForm(family);
	}

	/** Begins another transaction; the bytes of the one before are gone. */
	begin(): void {
		this.#writer.reset();
		this.#ops = [];
		this.#messages = [];
		this.#open = undefined;
	}

	/** How many operations the transaction has. */
	get length(): number {
		return this.#ops.length;
	}

	/** Appends operations to the transaction. */
	add(ops: readonly Op[]): void {
		for (const op of ops) {
			if (isElement(op)) {
				this.#encodeElement(op);
			} else {
				this.#closeList();
				this.#messages.push({start: this.#writer.length, first: this.#ops.length, elementsEach: 1});
				this.#encodeOp(op);
			}

			this.#ops.push(op);
		}
	}

	/** The messages of the transaction; valid until the next begins. */
	finish(): Uint8Array {
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

		const next = this.#messages[index + 1];
		const ops = this.#ops.slice(message.first, next?.first);
		if (ops.length <= 1 || offset === undefined) {
			return ops.length === 1 ? ops[0] : undefined;
		}

		const position = elementIndexAt(this.#writer.written().subarray(message.start, next?.start), offset);
		return position === undefined ? undefined : ops[Math.floor(position / message.elementsEach)];
	}

	#encodeElement(op: ElementOp): void {
		if (this.#open?.verb !== op.verb || this.#open.set !== op.set) {
			this.#openList(op);
		}

		const element = op.kind === 'element' ? this.#form.element(op, op.verb) : op;
		if (!this.#list.add(element)) {
			this.#openList(op);
			this.#list.add(element);
		}

		if (op.kind === 'element' && 'prefix' in op) {
			this.#encodeEnd(op.prefix);
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
		const elementsEach = op.kind === 'element' && 'prefix' in op ? 2 : 1;
		this.#messages.push({start: this.#writer.length, first: this.#ops.length, elementsEach});
		this.#open = op;
		const type = op.verb === 'add' ? nftables.element.new : nftables.element.delete;
		this.#list.open(header(type, op.verb), nfFamily(this.#family), tableName, op.set);
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
