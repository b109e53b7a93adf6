import {existsSync, renameSync} from 'node:fs';
import type {DatabaseSync, StatementSync} from 'node:sqlite';
import {NetError} from '../errors.ts';
import type {Address} from '../net/address.ts';
import type {Prefix} from '../net/prefix.ts';
import type {Attachment} from './attachment.ts';
import {decodeRecord} from './record.ts';

/** Raised when the tables change; a journal of a newer number is not touched. */
const schemaVersion = 1;

/** 64 MiB of 4 KiB pages: a thousand times what 250 pods take. A fault must not fill /run, which others need too. */
const pagesMax = 16_384;

/** How long another process that reads the file is waited for. */
const busyTimeoutMs = 1000;

/** An address that was freed, by whom, and when: milliseconds of a clock that goes on when the process does not. */
export type Resting = {readonly address: Address; readonly network: string; readonly freedAt: number};

/** What a journal holds. */
export type JournalContent = {
	readonly attachments: readonly Attachment[];
	/** The longest ago first. */
	readonly resting: readonly Resting[];
	/** The Node's, as they were last told; undefined where they never were. */
	readonly podCidrs: readonly Prefix[] | undefined;
	/** The address of each family that each network was given last. */
	readonly last: readonly {readonly network: string; readonly address: Address}[];
};

/** A journal, and why the one before could not be used: it lies beside it, and what it said has to be observed. */
export type OpenedJournal = {readonly journal: Journal; readonly lost: NetError | undefined};

/**
 * The journal at `path`, made where there is none. One that is corrupt, or of a newer version, is moved aside, by a name
 * that says so, and a new one begun.
 *
 * @param stamp of that name, such as `2026-11-28T12:00:00Z`
 * @throws NetError CNI_JOURNAL when there can be none
 */
export async function openJournal(
	path: string,
	stamp: string,
	options: {pagesMax?: number} = {},
): Promise<OpenedJournal> {
	const {DatabaseSync} = await import('node:sqlite'); // loaded only by who has pods: it takes a few milliseconds
	const open = () => new Journal(new DatabaseSync(path, {timeout: busyTimeoutMs}), options.pagesMax ?? pagesMax);
	try {
		return {journal: open(), lost: undefined};
	} catch (error) {
		const fault = faultOf(error);
		if (fault === undefined) {
			throw journalError(`open ${JSON.stringify(path)}`, error);
		}

		const aside = `${path}.${fault}.${stamp}`;
		try {
			moveAside(path, aside);
			return {journal: open(), lost: journalError(`use ${JSON.stringify(path)}, now ${JSON.stringify(aside)}`, error)};
		} catch (again) {
			throw journalError(`begin ${JSON.stringify(path)} anew`, again);
		}
	}
}

/**
 * What must outlive the process: who has which address. Written before the kernel is changed. Every method is one
 * transaction: after a throw the file is as it was. It is not synced to the disk: a process that is killed loses
 * nothing, and a machine that is has lost the interfaces too.
 *
 * @throws NetError CNI_JOURNAL from every method, when the file cannot be read or written
 */
export class Journal {
	/** What it held when it was opened. */
	readonly content: JournalContent;
	readonly #database: DatabaseSync;
	readonly #statements: Statements;

	/** @throws whatever SQLite or a parser says of a file that is not as this version writes it */
	constructor(database: DatabaseSync, pages: number) {
		this.#database = database;
		try {
			prepareFile(database, pages);
			this.#statements = prepareStatements(database);
			this.content = readContent(database);
		} catch (error) {
			database.close();
			throw error;
		}
	}

	/** Keeps the attachment, whether it is new or known; its addresses are those of its network that came last. */
	begin(attachment: Attachment): void {
		this.#transact('write an attachment', ({put, wake, setLast}) => {
			put.run(...columnsOf(attachment));
			for (const address of attachment.addresses) {
				wake.run(address);
				setLast.run(attachment.network, address.includes(':') ? 'IPv6' : 'IPv4', address);
			}
		});
	}

	/** Keeps what changed of an attachment. */
	update(attachment: Attachment): void {
		this.#transact('write an attachment', ({put}) => put.run(...columnsOf(attachment)));
	}

	/** Forgets the attachment; its addresses rest. Those that were freed before `restedAt` are forgotten too. */
	end({containerId, ifName, network, addresses}: Attachment, freedAt: number, restedAt: number): void {
		this.#transact('remove an attachment', ({remove, rest, forget}) => {
			remove.run(containerId, ifName);
			forget.run(restedAt);
			for (const address of addresses) {
				rest.run(address, network, freedAt);
			}
		});
	}

	/** The address rests no longer. */
	wake(address: Address): void {
		this.#transact('free an address', ({wake}) => wake.run(address));
	}

	setPodCidrs(prefixes: readonly Prefix[]): void {
		this.#transact('write podCIDRs', ({setFact}) => setFact.run('podCidrs', JSON.stringify(prefixes)));
	}

	close(): void {
		if (this.#database.isOpen) {
			this.#database.close();
		}
	}

	#transact(what: string, change: (statements: Statements) => void): void {
		try {
			this.#database.exec('BEGIN IMMEDIATE');
			change(this.#statements);
			this.#database.exec('COMMIT');
		} catch (error) {
			if (this.#database.isOpen && this.#database.isTransaction) {
				this.#database.exec('ROLLBACK');
			}

			throw journalError(what, error);
		}
	}
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareFile(database: DatabaseSync, pages: number): void {
	database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA max_page_count = ${pages}`);
	const version = numberIn(database.prepare('PRAGMA user_version').get(), 'user_version');
	if (version > schemaVersion) {
		throw new NewerJournal(`version ${version}, and this program knows ${schemaVersion}`);
	}

	const check = database.prepare('PRAGMA quick_check(1)').get();
	if (check?.['quick_check'] !== 'ok') {
		throw new CorruptJournal(`integrity check: ${String(check?.['quick_check'])}`);
	}

	if (version === 0) {
		database.exec(`BEGIN IMMEDIATE; ${schema}; PRAGMA user_version = ${schemaVersion}; COMMIT`);
	}
}

/** The columns beside `record` are for people who look with `sqlite3`; `record` holds all of it. */
const schema = `
	CREATE TABLE attachments (
		container_id TEXT NOT NULL, if_name TEXT NOT NULL, network TEXT NOT NULL, state TEXT NOT NULL, record TEXT NOT NULL,
		PRIMARY KEY (container_id, if_name)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE resting (
		address TEXT NOT NULL PRIMARY KEY, network TEXT NOT NULL, freed_at REAL NOT NULL
	) STRICT, WITHOUT ROWID;
	CREATE INDEX resting_since ON resting (freed_at);
	CREATE TABLE last (
		network TEXT NOT NULL, family TEXT NOT NULL, address TEXT NOT NULL, PRIMARY KEY (network, family)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE facts (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID`;

function prepareStatements(database: DatabaseSync) {
	const prepare = (sql: string): StatementSync => database.prepare(sql);
	return {
		put: prepare('INSERT OR REPLACE INTO attachments VALUES (?, ?, ?, ?, ?)'),
		remove: prepare('DELETE FROM attachments WHERE container_id = ? AND if_name = ?'),
		rest: prepare('INSERT OR REPLACE INTO resting VALUES (?, ?, ?)'),
		wake: prepare('DELETE FROM resting WHERE address = ?'),
		forget: prepare('DELETE FROM resting WHERE freed_at <= ?'),
		setLast: prepare('INSERT OR REPLACE INTO last VALUES (?, ?, ?)'),
		setFact: prepare('INSERT OR REPLACE INTO facts VALUES (?, ?)'),
	};
}

function columnsOf(attachment: Attachment): readonly string[] {
	const {containerId, ifName, network, state} = attachment;
	return [containerId, ifName, network, state, JSON.stringify(attachment)];
}

function readContent(database: DatabaseSync): JournalContent {
	const all = (sql: string) => database.prepare(sql).all();
	const podCidrs = database.prepare("SELECT value FROM facts WHERE name = 'podCidrs'").get();
	try {
		return {
			attachments: all('SELECT record FROM attachments').map(({record}) => decodeRecord.attachment(record)),
			resting: all('SELECT address, network, freed_at AS freedAt FROM resting ORDER BY freed_at').map(
				decodeRecord.resting,
			),
			podCidrs: podCidrs && decodeRecord.prefixes(podCidrs['value']),
			last: all('SELECT network, address FROM last').map(decodeRecord.last),
		};
	} catch (cause) {
		throw new CorruptJournal('a row is not as this version writes it', {cause});
	}
}

function numberIn(row: Readonly<Record<string, unknown>> | undefined, name: string): number {
	return Number(row?.[name] ?? 0);
}

class NewerJournal extends Error {}
class CorruptJournal extends Error {}

/** SQLITE_CORRUPT, SQLITE_NOTADB; SQLITE_ERROR is a table or column that is missing. Source: sqlite3.h */
const corruptCodes: ReadonlySet<number> = new Set([11, 26, 1]);

/** What is wrong with the file itself, as its new name says; undefined when it is something else. */
function faultOf(error: unknown): 'newer' | 'corrupt' | undefined {
	if (error instanceof NewerJournal) {
		return 'newer';
	}

	const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
	return error instanceof CorruptJournal || corruptCodes.has(code) ? 'corrupt' : undefined;
}

function moveAside(path: string, aside: string): void {
	for (const suffix of ['', '-wal', '-shm']) {
		if (existsSync(path + suffix)) {
			renameSync(path + suffix, aside + suffix);
		}
	}
}

function journalError(what: string, cause: unknown): NetError {
	const details = cause instanceof Error && 'errcode' in cause ? {errcode: cause.errcode} : {};
	return new NetError('CNI_JOURNAL', `${what} in the journal of attachments`, details, cause);
}
