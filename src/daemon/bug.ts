import {NetError} from '../errors.ts';

/** `caught` itself when it is a NetError; anything else is a bug of ours and becomes DAEMON_BUG with its cause. */
export function asNetError(caught: unknown, what: string): NetError {
	return caught instanceof NetError ? caught : new NetError('DAEMON_BUG', what, {}, caught);
}
