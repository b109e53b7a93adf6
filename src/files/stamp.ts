import type {BigIntStats} from 'node:fs';
import type {Stamp} from './protocol.ts';

/** Two stamps differ when a file was written, replaced, or touched: a rename over it changes the inode. */
export function stampOf({dev, ino, size, mtimeNs, ctimeNs}: BigIntStats): Stamp {
	return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/** Which directory stands at a path; another one made there later has another identity, even with the same inode. */
export function identityOf({dev, ino, birthtimeNs}: BigIntStats): string {
	return `${dev}:${ino}:${birthtimeNs}`;
}
