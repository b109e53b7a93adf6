import {setTimeout} from 'node:timers/promises';
import {printDuration} from '../config/duration.ts';
import {ask} from '../control/client.ts';
import {controlPath} from '../control/socket-file.ts';
import {NetError} from '../errors.ts';

/** How long the daemon is left alone after it said no. */
const askAgainMs = 500;

/** What a daemon that is about to start, or to end, looks like from here. */
const passing: ReadonlySet<string> = new Set([
	'CONTROL_NO_DAEMON',
	'CONTROL_CLOSED',
	'CONTROL_BUSY',
	'CONTROL_TIMEOUT',
]);

export type Wait = {
	readonly stateDir: string;
	/** What the plugin is handed with STATUS. */
	readonly config: string;
	readonly timeoutMs: number;
	/** Hears why it is not so yet, whenever that is another reason than before. */
	readonly tell: (reason: string) => void;
};

/**
 * Resolves when the daemon says that it can attach pods.
 *
 * @throws NetError CNI_NOT_READY when it has not by the end of the time; its cause says why
 * @throws NetError CONTROL_DENIED and others that waiting does not mend
 */
export async function untilReady({stateDir, config, timeoutMs, tell}: Wait, signal: AbortSignal): Promise<void> {
	const end = performance.now() + timeoutMs;
	let told: string | undefined;
	for (;;) {
		const hindrance = await askStatus(stateDir, config, signal);
		if (hindrance === undefined) {
			return;
		}

		if (performance.now() + askAgainMs > end) {
			const waited = printDuration(timeoutMs);
			throw new NetError('CNI_NOT_READY', `attach pods on this node: waited for ${waited}`, {timeoutMs}, hindrance);
		}

		if (hindrance.message !== told) {
			told = hindrance.message;
			tell(told);
		}

		await setTimeout(askAgainMs, undefined, {signal});
	}
}

/** Why no pod can be attached now; undefined when one can. */
async function askStatus(stateDir: string, config: string, signal: AbortSignal): Promise<Error | undefined> {
	try {
		const call = {env: {CNI_COMMAND: 'STATUS', CNI_PATH: ''}, config};
		const {value} = await ask(controlPath(stateDir), 'cni', call, signal).next(); // it has no parts
		return value.exitCode === 0 ? undefined : new Error(String(Object(value.output).msg));
	} catch (error) {
		if (error instanceof NetError && passing.has(error.code)) {
			return error;
		}

		throw error;
	}
}
