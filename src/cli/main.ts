import {runProgram} from './program.ts';
import {processTerminal} from './terminal.ts';

// `fairlead.js` that had to start a newer Node as its child holds this channel; it closes when that process is gone
if (process.channel !== undefined) {
	process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
	process.channel.unref(); // listening for its end must not keep a command running that is done
}

// `fairlead plan | head`: whoever read is gone, and what is left is for nobody
process.stdout.on('error', () => process.exit(0));

process.exitCode = await runProgram(process.argv.slice(2), processTerminal());
