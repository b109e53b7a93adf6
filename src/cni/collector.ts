import type {Logger} from '../observe/log.ts';
import {attachmentKey} from './attachment.ts';
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
			const seen = await observe(ipam.attachments, links, now, cacheDir);
			this.#suspects = suspect(this.#suspects, ipam.attachments, seen);
			const leaks = leaksAmong(this.#suspects, seen.at, graceMs);
			const unfinished = this.#unfinished();
			await this.#remove(leaks.attachments, leaks.links, unfinished);
		} catch (error) {
			log.error('pods that are gone are not looked for', {error});
		}
	}

	/** A DEL that failed, and an ADD that failed and could not be undone: no ADD takes from one look to the next. */
	#unfinished(): readonly string[] {
		const {attachments} = this.#parts.ipam;
		const keysOf = (wanted: string) => attachments.filter(({state}) => state === wanted).map(attachmentKey);
		const adding = keysOf('adding');
		const stuck = adding.filter((key) => this.#adding.has(key));
		this.#adding = new Set(adding);
		return [...keysOf('deleting'), ...stuck];
	}

	async #remove(leaked: readonly string[], strays: readonly string[], unfinished: readonly string[]): Promise<void> {
		const {ipam, plugin, links, log} = this.#parts;
		for (const key of new Set([...leaked, ...unfinished])) {
			const meant = ipam.attachments.find((attachment) => attachmentKey(attachment) === key);
			await this.#goOn(key, async () => {
				if (await plugin.remove(key, meant)) {
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
