import {readFileSync} from 'node:fs';

/** Whether this process may become another user: the user namespace that a plain user makes has only one. */
export const hasOtherUsers =
	process.getuid?.() === 0 && !/^\s*0\s+\d+\s+1\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));

/** What the title of a test that is left out says beside it. */
export const leftOut = hasOtherUsers ? '' : ' (left out: this user namespace has one user only)';
