import {errorHints, NetError} from '../errors.ts';

/**
 * One thing that a node needs: `warn` = the daemon runs, but something is worse or will go wrong; `fail` = it cannot
 * do its work; `unknown` = this user cannot find out.
 */
export type CheckRow = {
	readonly name: string;
	readonly state: 'ok' | 'warn' | 'fail' | 'unknown';
	readonly found: string;
	readonly need: string;
	/** What to do; absent where nothing is to be done. */
	readonly remedy?: string | undefined;
};

export type CheckState = CheckRow['state'];

/** The row of something that is as it should be, or else what to do. */
export function row(name: string, state: CheckState, found: string, need: string, remedy?: string): CheckRow {
	return {name, state, found, need, ...(state !== 'ok' && remedy !== undefined && {remedy})};
}

/** The rows that `judge` makes of what is read; one that says why when it cannot be read. */
export async function look(
	name: string,
	need: string,
	judge: () => readonly CheckRow[] | Promise<readonly CheckRow[]>,
): Promise<readonly CheckRow[]> {
	try {
		return await judge();
	} catch (caught) {
		const message = caught instanceof Error ? caught.message : String(caught);
		return [row(name, 'unknown', message, need, remedyOf(caught))];
	}
}

function remedyOf(caught: unknown): string {
	if (caught instanceof NetError) {
		return caught.details['errno'] === 'EPERM' ? errorHints.KERNEL_DENIED : caught.hint;
	}

	return 'Run `fairlead check` as the user that is to run the daemon.';
}
