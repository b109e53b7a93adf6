import {decodeBody} from '../wire/body.ts';
import type {Message} from '../wire/message.ts';
import {nftables} from '../wire/nftables.ts';
import type {Heard} from './listen.ts';

/** One commit to nf_tables, or the word that some were not heard of: the ruleset must be read to know it. */
export type RulesetEvent =
	| {
			readonly kind: 'transaction';
			readonly generation: number;
			/** Whether it left through our own socket. */
			readonly own: boolean;
			/** Who made it: process id as its first pid namespace counts, and name. */
			readonly pid: number;
			readonly process: string;
			/** NEW and DEL messages in their order; none where it is our own. */
			readonly messages: readonly Message[];
	  }
	| {
			readonly kind: 'lost';
			/** Whose transaction it was, where it was one that is too long to be told. */
			readonly by?: {readonly process: string; readonly pid: number};
	  };

/** A transaction of more messages is told as `lost`: to read the ruleset costs no more than to walk through it. */
const messagesMax = 20_000;

/** Groups what the kernel says into transactions. A gap in their generations is a loss too. */
export async function* transactions(heard: AsyncIterable<Heard>, ownPort: number): AsyncGenerator<RulesetEvent> {
	let messages: Message[] = [];
	let length = 0;
	let generation: number | undefined;
	for await (const part of heard) {
		if (part.kind === 'lost') {
			[messages, length, generation] = [[], 0, undefined];
			yield part;
			continue;
		}

		for (const message of part.messages) {
			if (message.type !== nftables.generation.new) {
				length += message.port === ownPort ? 0 : 1;
				if (message.port !== ownPort && length <= messagesMax) {
					messages.push(message);
				}

				continue;
			}

			const event = transaction(message, message.port === ownPort, messages);
			const next = generation === undefined || event.generation === following(generation);
			generation = event.generation;
			if (!next) {
				yield {kind: 'lost'};
			} else if (length > messagesMax) {
				yield {kind: 'lost', by: {process: event.process, pid: event.pid}};
			} else {
				yield event;
			}

			[messages, length] = [[], 0];
		}
	}
}

function transaction(message: Message, own: boolean, messages: readonly Message[]) {
	const {id = 0, pid = 0, process = ''} = decodeBody(nftables.generation.layout, message.payload);
	return {kind: 'transaction', generation: id, own, pid, process, messages} as const;
}

/** The kernel counts in 32 bits and leaves 0 out. */
function following(generation: number): number {
	return (generation + 1) % 0x1_0000_0000 || 1;
}
