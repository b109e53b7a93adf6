import {closeSync, fstatSync, openSync, readFileSync} from 'node:fs';
import {parentPort} from 'node:worker_threads';
import {NetError} from '../errors.ts';
import type {Answer, Chunk, Request, Stamp} from './protocol.ts';
import {type Fault, type Known, type Put, type Reading, readObjects} from './reading.ts';
import {stampOf} from './stamp.ts';

/** A chunk is parsed in one turn of the main loop: 256 KiB of JSON take about 3 ms. */
const chunkLength = 256 * 1024;

/** More faults than a person reads would only fill the log. */
const maxFaults = 1000;

/** The objects of the file that was read last which the main thread has not asked for yet. */
let rest: Iterator<Chunk> = [][Symbol.iterator]();

parentPort?.on('message', (request: Request) => parentPort?.postMessage(answer(request)));

function answer(request: Request): Answer {
	switch (request.verb) {
		case 'read':
			return readFile(request.file, request.known);
		case 'more':
			return {verb: 'chunk', chunk: nextChunk()};
	}
}

function readFile(file: string, known: Known): Answer {
	try {
		const content = readSettled(file);
		if (content === undefined) {
			return {verb: 'unsettled'};
		}

		const {puts, gone, faults, missing, warnings}: Reading = readObjects(file, content.text, known);
		rest = chunks(puts);
		const summary = {gone, faults: capped(file, faults), missing, warnings, stamp: content.stamp, chunk: nextChunk()};
		return {verb: 'summary', summary};
	} catch (error) {
		const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
		return isGone ? {verb: 'unsettled'} : {verb: 'failed', fault: faultOf(file, error)};
	}
}

/** The text of a file and the stamp it had before and after; undefined when it changed between the two. */
function readSettled(file: string): {readonly text: string; readonly stamp: Stamp} | undefined {
	const fd = openSync(file, 'r');
	try {
		const stamp = stampOf(fstatSync(fd, {bigint: true}));
		const text = readFileSync(fd, 'utf8');
		const isSettled = stampOf(fstatSync(fd, {bigint: true})) === stamp;
		return isSettled ? {text: text.startsWith('\uFEFF') ? text.slice(1) : text, stamp} : undefined;
	} finally {
		closeSync(fd);
	}
}

function nextChunk(): Chunk {
	const {value} = rest.next();
	return value ?? {json: '[]', hashes: [], isLast: true};
}

function* chunks(puts: readonly Put[]): Generator<Chunk> {
	for (let start = 0; start < puts.length; ) {
		let end = start;
		for (let length = 0; end < puts.length && length < chunkLength; end++) {
			length += puts[end]?.json.length ?? 0;
		}

		const slice = puts.slice(start, end);
		const json = `[${slice.map((put) => put.json).join(',')}]`;
		yield {json, hashes: slice.map((put) => put.hash), isLast: end === puts.length};
		start = end;
	}
}

function capped(file: string, faults: readonly Fault[]): readonly Fault[] {
	if (faults.length <= maxFaults) {
		return faults;
	}

	const left = faults.length - maxFaults;
	const message = `read "${file}": ${left} more objects are refused`;
	const fault: Fault = {key: 'more', code: 'OBJECT_INVALID', message, details: {file, left}};
	return [...faults.slice(0, maxFaults), fault];
}

function faultOf(file: string, error: unknown): Fault {
	const message = error instanceof Error ? error.message : String(error);
	if (error instanceof NetError) {
		return {key: message, code: error.code, message: message.replace(/^cannot /, ''), details: error.details};
	}

	return {key: message, code: 'FILE_UNREADABLE', message: `read "${file}": ${message}`, details: {file}};
}
