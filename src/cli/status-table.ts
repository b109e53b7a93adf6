import type {DataplaneStatus, Failure, SourceStatus, Status} from '../control/status.ts';
import {printAge, printCount, printLongTable, printSome, printTable, wrap} from './table.ts';

/** Where the second column of the first section begins. */
const indent = 13;

/** A status for people: sections one under the other, `width` characters wide where that can be; long lists are cut. */
export function printStatus(status: Status, width: number): string {
	const sections = [
		printHead(status, width),
		printSources(status.sources, width),
		printDataplanes(status.dataplanes, width),
		printNotWhole(status, width),
		printProblems(status, width),
	];
	return sections.filter((section) => section !== '').join('\n');
}

function printHead(status: Status, width: number): string {
	const {version, nodeName, pid, started, memory, mode, families, pendingSeconds, failure} = status;
	const process = `pid ${pid}, up ${printAge(started.ageSeconds)}, ${Math.round(memory.residentBytes / 2 ** 20)} MiB`;
	const serving = [
		printSome(status.services, 'Service'),
		printSome(status.frontends, 'frontend'),
		printSome(status.endpoints, 'endpoint'),
	];
	const rows: readonly (readonly [string, string | undefined])[] = [
		['Fairlead', `${version} on ${nodeName}: ${process}`],
		['Mode', `${mode.name}, ${families.join(' and ')} (${mode.because})`],
		['In force', printInForce(status)],
		['Failed', failure && `${failure.code}: ${printFailure(failure)}`],
		['Waiting', pendingSeconds === undefined ? undefined : `the oldest change, for ${printAge(pendingSeconds)}`],
		['Last commit', printCommit(status)],
		['Serving', serving.join(', ')],
		['As of', status.takenAt],
	];
	return rows.map(([name, text]) => (text === undefined ? '' : printField(name, text, width))).join('');
}

function printField(name: string, text: string, width: number): string {
	const [first = '', ...rest] = wrap(text, Math.max(40, width - indent));
	return [name.padEnd(indent) + first, ...rest.map((line) => ' '.repeat(indent) + line)]
		.map((line) => `${line}\n`)
		.join('');
}

function printInForce({inForce, awaiting}: Status): string {
	if (inForce !== undefined) {
		return `everything known, for ${printAge(inForce.ageSeconds)}`;
	}

	return awaiting.length === 0 ? 'not everything known' : `not everything known; awaited: ${awaiting.join(', ')}`;
}

function printFailure({message, hint, retryInSeconds}: Failure): string {
	const again = retryInSeconds === undefined ? '' : ` It is tried again in ${printAge(retryInSeconds)}.`;
	return `${message}.${again} ${hint}`;
}

function printCommit({lastCommit}: Status): string {
	if (lastCommit === undefined) {
		return 'none yet';
	}

	const {ageSeconds, durationMs, operations, refused, full} = lastCommit;
	const parts = [
		`${printSome(operations, 'operation')} in ${Math.round(durationMs * 10) / 10} ms`,
		...(full ? ['everything compared'] : []),
		...(refused === 0 ? [] : [`${refused} refused`]),
	];
	return `${printAge(ageSeconds)} ago: ${parts.join(', ')}`;
}

function printSources(sources: readonly SourceStatus[], width: number): string {
	const rows = sources.map((source) => [
		source.name,
		sourceState(source),
		source.synced === undefined ? '-' : printAge(source.synced.ageSeconds),
		source.lastChange === undefined ? '-' : printAge(source.lastChange.ageSeconds),
		printCount(source.restarts),
		printCount(source.problems),
		Object.entries(source.objects)
			.map(([kind, count]) => printSome(count, kind))
			.join(', '),
	]);
	return printTable(['SOURCE', 'STATE', 'SYNCED', 'CHANGED', 'RESTARTS', 'PROBLEMS', 'OBJECTS'], rows, width);
}

function sourceState({failure, synced, complete}: SourceStatus): string {
	if (failure !== undefined) {
		return 'failed';
	}

	return complete ? 'complete' : synced === undefined ? 'awaited' : 'in part';
}

function printDataplanes(dataplanes: readonly DataplaneStatus[], width: number): string {
	const rows = dataplanes.flatMap(({name, frontends}) =>
		Object.entries(frontends).map(([kind, {whole, partly, notAtAll}]) => [
			name,
			kind,
			printCount(whole),
			printCount(partly),
			printCount(notAtAll),
		]),
	);
	return rows.length === 0 ? '' : printTable(['DATAPLANE', 'FRONTENDS', 'WHOLE', 'PARTLY', 'NOT AT ALL'], rows, width);
}

function printNotWhole({notWhole}: Status, width: number): string {
	const rows = notWhole.map(({service, what, because}) => [service, what, because]);
	return rows.length === 0 ? '' : printLongTable(['NOT AS WRITTEN', 'WHAT', 'BECAUSE'], rows, width);
}

/** What sources could not use, and why one of them is not open. */
function printProblems({problems, sources}: Status, width: number): string {
	const closed = sources.flatMap(({name, failure}) =>
		failure === undefined ? [] : [[name, failure.code, printFailure(failure)]],
	);
	const rows = problems.map(({source, code, message, hint}) => [source, code, `${message}. ${hint}`]);
	const all = [...closed, ...rows];
	return all.length === 0 ? '' : printLongTable(['PROBLEM OF', 'CODE', 'WHAT'], all, width);
}
