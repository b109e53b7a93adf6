import {Command, InvalidArgumentError} from 'commander';
import {benchFiles} from './bench/files.ts';
import {benchSync} from './bench/sync.ts';

/** `npm run bench -- NAME`: measures, prints a table or with --json the numbers. Needs root for the peers. */

function counts(text: string): readonly number[] {
	const values = text.split(',').map(Number);
	if (values.some((value) => !Number.isInteger(value) || value < 1)) {
		throw new InvalidArgumentError('write numbers of services, such as 1000,30000');
	}

	return values;
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
await program.parseAsync();
