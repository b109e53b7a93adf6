import {Command} from 'commander';
import type {Terminal} from './terminal.ts';

/** `fairlead cleanup`: removes what a daemon left in the kernel. */
export function cleanupCommand(terminal: Terminal): Command {
	return new Command('cleanup')
		.description('Remove every trace of Fairlead from the kernel of this node. Services stop working at once.')
		.helpOption('-h, --help', 'print this help')
		.allowExcessArguments(false)
		.addHelpText(
			'after',
			`
It refuses while a daemon runs in this network namespace: stop that first. It may be run any number of times.

Examples:
  systemctl stop fairlead && fairlead cleanup`,
		)
		.action(async () => {
			const {cleanUp} = await import('../daemon/cleanup.ts');
			await cleanUp();
			terminal.out('nothing of Fairlead is left in the kernel of this network namespace\n');
		});
}
