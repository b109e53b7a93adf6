import type {FlowDoor} from '../../src/conntrack/sweep.ts';
import {decodeBody} from '../../src/wire/body.ts';
import {conntrack, filterFields} from '../../src/wire/conntrack.ts';
import {decodeMessages} from '../../src/wire/message.ts';
import {nfFamilies} from '../../src/wire/nftables.ts';
import {type FlowParts, flowPayload} from './flows.ts';

/**
 * Connection tracking in memory: filters by family, address and port as the kernel does, the wrong way round for
 * IPv6 addresses too; deletes by number, and refuses what is not there.
 */
export class FakeConntrack implements FlowDoor {
	readonly flows = new Map<number, FlowParts>();
	/** How each dump was asked for. */
	readonly asked: string[] = [];
	/** As a kernel before 5.8 does. */
	ignoresFilters = false;
	/** Thrown by the next dumps, one each. */
	readonly failures: Error[] = [];
	/** Called before a dump goes on: what happens meanwhile. */
	meanwhile: () => Promise<void> | void = () => undefined;

	constructor(flows: readonly FlowParts[] = []) {
		for (const flow of flows) {
			this.add(flow);
		}
	}

	add(flow: FlowParts): void {
		const id = this.flows.size + 1;
		this.flows.set(id, {...flow, id});
	}

	/** Who answers each flow that is there, in order. */
	get left(): readonly string[] {
		return [...this.flows.values()].map(({to, by}) => `${to} ${by}`);
	}

	async *dump(request: Uint8Array) {
		const body = decodeBody(conntrack.flow.layout, request.subarray(16));
		this.asked.push(describe(body));
		const failure = this.failures.shift();
		if (failure !== undefined) {
			throw failure;
		}

		const payloads = [...this.flows.values()].map(flowPayload).filter((payload) => this.#passes(body, payload));
		await this.meanwhile();
		yield payloads.map((payload) => ({type: conntrack.flow.new, flags: 0, sequence: 0, port: 0, payload}));
	}

	async request(batch: Uint8Array) {
		const refusals: {readonly index: number; readonly errno: string}[] = [];
		for (const [index, {payload}] of decodeMessages(batch).entries()) {
			if (!this.flows.delete(decodeBody(conntrack.flow.layout, payload).id ?? 0)) {
				refusals.push({index, errno: 'ENOENT'});
			}
		}

		return await Promise.resolve(refusals);
	}

	#passes({family, original, filter}: Body, payload: Uint8Array): boolean {
		const flow = decodeBody(conntrack.flow.layout, payload);
		if (flow.family !== family || filter === undefined || this.ignoresFilters) {
			return flow.family === family;
		}

		const fields = filter.original ?? 0;
		const asked = original?.addresses?.destination4 ?? original?.addresses?.destination6;
		const found = flow.original?.addresses?.destination4 ?? flow.original?.addresses?.destination6;
		const isSameAddress = String(asked) === String(found);
		return (
			original?.protocol?.number === flow.original?.protocol?.number &&
			((fields & filterFields.destination) === 0 || isSameAddress === (family === nfFamilies.ipv4)) &&
			((fields & filterFields.destinationPort) === 0 ||
				original?.protocol?.destinationPort === flow.original?.protocol?.destinationPort)
		);
	}
}

type Body = ReturnType<typeof decodeBody<typeof conntrack.flow.layout>>;

function describe({family, original, filter}: Body): string {
	const name = family === nfFamilies.ipv4 ? 'IPv4' : 'IPv6';
	const {addresses, protocol} = original ?? {};
	const address = addresses?.destination4?.join('.');
	return [name, filter ? 'UDP' : 'all', address, protocol?.destinationPort]
		.filter((part) => part !== undefined)
		.join(' ');
}
