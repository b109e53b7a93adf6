import {setImmediate, setTimeout} from 'node:timers/promises';
import {NetError} from '../errors.ts';
import {controlTypes, decodeAcknowledgement, type Message, messageFlags} from '../wire/message.ts';
import {numberMessages} from './batch.ts';
import {errnoName} from './errno.ts';
import type {NetlinkSocket} from './socket.ts';

/** Knows more of one table than the dump itself says. Made anew for each attempt, before the request is sent. */
export type DumpCheck = {
	/** Whether the next answers can be of one state with those before. */
	accepts(answers: readonly Message[]): boolean;
	/** Whether a dump that the kernel calls interrupted is of one state all the same; asked at its end. */
	forgives(): boolean;
	close(): void;
};

const noCheck: DumpCheck = {accepts: () => true, forgives: () => false, close: () => undefined};

/** A table that changes this often while it is read is changed by something that is broken. */
const attemptsMax = 20;

/**
 * All answers to a dump request, from one state of the kernel: a dump that a change ran into is read again from the
 * start before any of it is given out. Answers come 512 KiB at a time at most, each in a turn of its own.
 *
 * @param request one encoded GET message; its flags and its sequence are set here
 * @param open makes the socket: a dump has one of its own, so that it delays nobody and can be broken off
 * @throws NetError NETLINK_REFUSED when the kernel has nothing to dump there, with `errno` (ENOENT: no such table)
 * @throws NetError NETLINK_CHANGING when every attempt was run into
 */
export async function* dump(
	open: () => NetlinkSocket,
	request: Uint8Array,
	signal?: AbortSignal,
	startCheck: () => DumpCheck = () => noCheck,
): AsyncGenerator<readonly Message[]> {
	for (let attempt = 1; attempt <= attemptsMax; attempt++) {
		const answers = await attemptDump(open, request, startCheck(), signal);
		if (answers !== undefined) {
			for (const part of answers) {
				yield part;
				await setImmediate();
			}

			return;
		}

		await setTimeout(attempt, undefined, {signal});
	}

	throw new NetError('NETLINK_CHANGING', `read a table of the kernel in ${attemptsMax} attempts`);
}

async function attemptDump(
	open: () => NetlinkSocket,
	request: Uint8Array,
	check: DumpCheck,
	signal: AbortSignal | undefined,
): Promise<Message[][] | undefined> {
	try {
		using socket = open();
		numberMessages(request, 1, messageFlags.request | messageFlags.dump);
		socket.send([request]);
		return await readAnswers(socket, check, signal);
	} finally {
		check.close();
	}
}

/** The answers, or undefined when they are of several states or not all there. */
async function readAnswers(
	socket: NetlinkSocket,
	check: DumpCheck,
	signal: AbortSignal | undefined,
): Promise<Message[][] | undefined> {
	const parts: Message[][] = [];
	let interrupted = false;
	for (;;) {
		signal?.throwIfAborted();
		const messages = socket.receive();
		const last = messages.at(-1);
		if (last === undefined || socket.takeLoss()) {
			return undefined; // no end and nothing more: the rest was lost
		}

		const ended = last.type === controlTypes.done || last.type === controlTypes.error;
		const answers = ended ? messages.slice(0, -1) : messages;
		interrupted ||= messages.some(isInterrupted);
		if (!check.accepts(answers) || (ended && interrupted && !check.forgives())) {
			return undefined;
		}

		parts.push(answers);
		if (ended) {
			checkEnd(last);
			return parts;
		}

		await setImmediate();
	}
}

function isInterrupted(message: Message): boolean {
	return (message.flags & messageFlags.dumpInterrupted) !== 0;
}

function checkEnd(message: Message): void {
	const {errno, text} = decodeAcknowledgement(message);
	if (errno !== 0) {
		const name = errnoName(errno);
		throw new NetError('NETLINK_REFUSED', `read from the kernel: ${text ?? name}`, {errno: name, text});
	}
}
