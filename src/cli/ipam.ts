import {Argument, Command, InvalidArgumentError, Option} from 'commander';
import type {AddressRow} from '../control/cni.ts';
import {type Address, parseAddress} from '../net/address.ts';
import {type Form, outputOption, printData} from './output.ts';
import {stateDirOption} from './status.ts';
import {printAge, printTable} from './table.ts';
import type {Terminal} from './terminal.ts';

type ListFlags = {readonly output: Form; readonly stateDir: string};
type ReleaseFlags = ListFlags & {readonly force?: boolean};

/** `fairlead ipam`: which addresses of this node's pods are not free, and who has them. */
export function ipamCommand(terminal: Terminal): Command {
	return new Command('ipam')
		.description("Show who has which address of this node's pods, or free one.")
		.helpOption('-h, --help', 'print this help')
		.helpCommand(false)
		.addHelpText('after', examples)
		.addCommand(listCommand(terminal))
		.addCommand(releaseCommand(terminal));
}

const examples = `
Examples:
  fairlead ipam list
  fairlead ipam release 10.244.1.7

Exit codes: 0 done; 1 no daemon answers, or it refuses; 2 the command line is wrong.`;

function listCommand(terminal: Terminal): Command {
	return new Command('list')
		.description("List every address of this node's pods that is not free.")
		.helpOption('-h, --help', 'print this help')
		.allowExcessArguments(false)
		.addOption(outputOption())
		.addOption(stateDirOption())
		.addHelpText('after', listExamples)
		.action(async ({output, stateDir}: ListFlags) => {
			const rows = await readRows(stateDir);
			const width = terminal.screen?.columns ?? Number.POSITIVE_INFINITY;
			terminal.out(output === 'table' ? printAddresses(rows, Date.now(), width) : await printData(rows, output));
		});
}

const listExamples = `
Examples:
  fairlead ipam list
  fairlead ipam list -o json | jq '.[] | select(.state != "attached")'

States: adding, attached and deleting as the runtime's calls go; resting, its pod is gone and no other one gets it yet.

Exit codes: 0 done; 1 no daemon answers, or it cannot be asked; 2 the command line is wrong.`;

function releaseCommand(terminal: Terminal): Command {
	return new Command('release')
		.description('Free an address whose pod is gone; one that rests is free at once.')
		.helpOption('-h, --help', 'print this help')
		.allowExcessArguments(false)
		.addArgument(new Argument('<address>', 'the address').argParser(addressArgument))
		.addOption(new Option('--force', 'also when its pod is seen; that pod then has no network any more'))
		.addOption(outputOption())
		.addOption(stateDirOption())
		.addHelpText('after', releaseExamples)
		.action(async (address: Address, {output, stateDir, force = false}: ReleaseFlags) => {
			const row = await release(stateDir, address, force);
			terminal.out(output === 'table' ? printReleased(row) : await printData(row, output));
		});
}

const releaseExamples = `
Examples:
  fairlead ipam release 10.244.1.7
  fairlead ipam release fd00:10:244:1::7 --force
  fairlead ipam release 10.244.1.7 -o json | jq -r .pod

The container runtime frees addresses by itself, and the daemon those that it forgot: this is for who cannot wait.

Exit codes: 0 it is freed; 1 it is not, or no daemon answers; 2 the command line is wrong.`;

/** The table of `ipam list`. @param now milliseconds since 1970 */
export function printAddresses(rows: readonly AddressRow[], now: number, width: number): string {
	if (rows.length === 0) {
		return 'Every address is free.\n';
	}

	const cells = rows.map(({address, state, pod, containerId, ifName, link, network, since}) => [
		address,
		state,
		printAge(Math.max(0, now - Date.parse(since)) / 1000),
		pod || '-',
		containerId.slice(0, containerShown) || '-',
		ifName || '-',
		link || '-',
		network,
	]);
	return printTable(['ADDRESS', 'STATE', 'FOR', 'POD', 'CONTAINER', 'INTERFACE', 'LINK', 'NETWORK'], cells, width);
}

/** As many as `crictl pods` shows. */
const containerShown = 13;

function printReleased({address, state, pod, containerId}: AddressRow): string {
	const whose = pod === '' ? `container ${containerId.slice(0, containerShown)}` : `pod ${pod}`;
	return `${address} is released: ${state === 'resting' ? 'it rested' : `it was ${whose}'s, ${state}`}.\n`;
}

function addressArgument(text: string): Address {
	try {
		return parseAddress(text);
	} catch {
		throw new InvalidArgumentError('It is no IPv4 or IPv6 address.');
	}
}

async function readRows(stateDir: string): Promise<readonly AddressRow[]> {
	const {ask, controlPath} = await control();
	const rows: AddressRow[] = [];
	for await (const part of ask(controlPath(stateDir), 'addresses', {}, new AbortController().signal)) {
		rows.push(...part);
	}

	return rows;
}

async function release(stateDir: string, address: Address, force: boolean): Promise<AddressRow> {
	const {ask, controlPath} = await control();
	const answer = ask(controlPath(stateDir), 'release', {address, force}, new AbortController().signal);
	const ended = await answer.next(); // it has no parts
	return ended.value;
}

async function control() {
	const [{ask}, {controlPath}] = await Promise.all([
		import('../control/client.ts'),
		import('../control/socket-file.ts'),
	]);
	return {ask, controlPath};
}
