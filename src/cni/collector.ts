import type {Logger} from '../observe/log.ts';
import {type Attachment, type AttachmentKey, attachmentKey} from './attachment.ts';
import type {Ipam} from './ipam.ts';
import {leaksAmong, noSuspects, type Suspects, suspect} from './leaks.ts';
import type {PodLinks} from './link-plan.ts';
import {observe} from './observe.ts';
import type {Plugin} from './plugin.ts';

export type CollectorParts = {
	readonly ipam: Pick<Ipam, 'attachments'>;
	readonly links: Pick<PodLinks, 'present' | 'idle' | 'detach'>;
	readonly plugin: Pick<Plugin, 'remove'>;
	readonly log: Logger;
	/** Milliseconds of a clock that never goes back. */
	readonly now: () => number;
	/** The runtime's files; its usual folder unless told. */
	readonly cacheDir?: string;
};

/** Two looks that are this far apart have to agree. Milliseconds. */
const graceMs = 30_000;

/** Finds and removes what no DEL will ever be asked for: the runtime lost it, or somebody took its namespace away. */
export class Collector {
	readonly #parts: CollectorParts;
	#suspects: Suspects = noSuspects;
	/** Attachments at whose ADD somebody was at work when the last look was made. */
	#adding: ReadonlySet<string> = new Set();

	constructor(parts: CollectorParts) {
		this.#parts = parts;
	}

	/** Looks once, and removes what an earlier look found too. What cannot be removed is tried again by the next. Never rejects. */
	async collect(): Promise<void> {
		const {ipam, links, log, now, cacheDir} = this.#parts;
		try {
			const {attachments} = ipam; // what comes anew while this looks is not meant
			const seen = await observe(attachments, links, now, cacheDir);
			this.#suspects = suspect(this.#suspects, attachments, seen);
			const leaks = leaksAmong(this.#suspects, seen.at, graceMs);
			const keys = new Set([...leaks.attachments, ...this.#unfinished(attachments)]);
			const meant = attachments.filter((attachment) => keys.has(attachmentKey(attachment)));
			await this.#remove(meant, leaks.links);
		} catch (error) {
			log.error('pods that are gone are not looked for', {error});
		}
	}

	/** A DEL that failed, and an ADD that failed and could not be undone: no ADD takes from one look to the next. */
	#unfinished(attachments: readonly Attachment[]): readonly AttachmentKey[] {
		const keysOf = (wanted: string) => attachments.filter(({state}) => state === wanted).map(attachmentKey);
		const adding = keysOf('adding');
		const stuck = adding.filter((key) => this.#adding.has(key));
		this.#adding = new Set(adding);
		return [...keysOf('deleting'), ...stuck];
	}

	async #remove(meant: readonly Attachment[], strays: readonly string[]): Promise<void> {
		const {plugin, links, log} = this.#parts;
		for (const attachment of meant) {
			const key = attachmentKey(attachment);
			await this.#goOn(key, async () => {
				if (await plugin.remove(key, attachment)) {
					log.warn('an attachment that nobody deleted, or not to the end, is removed', {attachment: key});
				}
			});
		}

		const idle = strays.length === 0 ? undefined : await links.idle();
		for (const link of strays.filter((each) => idle?.has(each))) {
			await this.#goOn(link, async () => {
				await links.detach({link, addresses: [], mode: 'routed', bridge: ''});
				log.warn('a link that belongs to no attachment is removed', {link});
			});
		}
	}

	/** One that cannot be removed must not keep the others. */
	async #goOn(left: string, remove: () => Promise<void>): Promise<void> {
		await remove().catch((error: unknown) =>
			this.#parts.log.error('what nobody deleted cannot be removed; the next look tries again', {left, error}),
		);
	}
}
