import {Command, InvalidArgumentError} from 'commander';
import {benchApi} from './bench/api.ts';
import {benchCni} from './bench/cni.ts';
import {benchConnect} from './bench/connect.ts';
import {benchFiles} from './bench/files.ts';
import {benchFlows} from './bench/flows.ts';
import {benchSync} from './bench/sync.ts';

/** `npm run bench -- NAME`: measures, prints a table or with --json the numbers. Needs root for the peers. */

function counts(text: string): readonly number[] {
	const values = text.split(',').map(Number);
	if (values.some((value) => !Number.isInteger(value) || value < 1)) {
		throw new InvalidArgumentError('write numbers of services, such as 1000,30000');
	}

	return values;
}

function rounds(text: string): number {
	const value = Number(text);
	if (!Number.isInteger(value) || value < 2) {
		throw new InvalidArgumentError('write a whole number from 2 on: one round has no interval');
	}

	return value;
}

const program = new Command('bench');
program
	.command('sync')
	.description('from parsed objects to the last commit, and from one change to its commit, at several sizes')
	.option('--sizes <services>', 'numbers of services', counts, [1000, 10_000, 30_000])
	.option('--endpoints <number>', 'endpoints of each service', Number, 10)
	.option('--runs <number>', 'runs of each size; the numbers are their medians', Number, 5)
	.option('--changes <number>', 'changes of each run', Number, 2000)
	.option('--no-peer', "leave out the ruleset of kube-proxy's shape (the largest takes minutes)")
	.option('--json', 'print one object a size')
	.action(benchSync);
program
	.command('files')
	.description('from the start of the daemon until one file, as kubectl prints it, is in force')
	.option('--sizes <services>', 'numbers of services', counts, [10_000])
	.option('--endpoints <number>', 'endpoints of each service', Number, 10)
	.option('--runs <number>', 'runs of each size; the numbers are their medians', Number, 5)
	.option('--json', 'print one object a size and format')
	.action(benchFiles);
program
	.command('connect')
	.description("from connect() to the handshake and the first byte, through a cluster IP, beside kube-proxy's shape")
	.option('--services <numbers>', 'numbers of services', counts, [1, 1000, 30_000])
	.option('--rounds <number>', 'paired rounds', rounds, 60)
	.option('--connections <number>', 'connections of each path in each round', Number, 800)
	.option('--json', 'print one document')
	.action(benchConnect);
program
	.command('flows')
	.description('from one change of a UDP Service to its commit, and until its stale flows are gone, beside other flows')
	.option('--others <flows>', 'other flows in the table', counts, [1, 100_000])
	.option('--runs <number>', 'runs of each; the numbers are their medians', Number, 3)
	.option('--changes <number>', 'changes of each run', Number, 50)
	.option('--json', 'print one object a row')
	.action(benchFlows);
program
	.command('api')
	.description(
		'from the start behind a real API server until all is in force, and from its answer to a write to the commit',
	)
	.option('--services <number>', 'Services', Number, 10_000)
	.option('--endpoints <number>', 'endpoints of each', Number, 10)
	.option('--runs <number>', 'starts; the number is their median', Number, 5)
	.option('--changes <number>', 'changes, one after the other', Number, 500)
	.option('--rate <number>', 'changes a second that do not wait for one another', Number, 100)
	.option('--seconds <number>', 'for how long', Number, 60)
	.option('--peer <path>', 'a kube-proxy, which is then measured too, by a 25th of the changes')
	.option('--json', 'print one object a proxy')
	.action(benchApi);
program
	.command('cni')
	.description('pods attached and detached, one after the other and all at once, beside the reference plugins')
	.option('--pods <number>', 'pods, one after the other', Number, 250)
	.option('--burst <number>', 'pods at once', Number, 100)
	.option('--runs <number>', 'runs of each plugin; the numbers are their medians', Number, 5)
	.option('--peers <folder>', 'where the reference plugins are (Debian: containernetworking-plugins)', '/usr/lib/cni')
	.option('--json', 'print one object: the numbers of the routed mode, those of the others by their names')
	.action(benchCni);
await program.parseAsync();
