import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';

/** What container runtimes see of a change in a folder. Source: fsnotify, backend_inotify.go, newEvent */
export type FolderEvent = {readonly op: 'create' | 'write' | 'rename' | 'remove'; readonly name: string};

/** With fsnotify's mask, of which chmod is left out: nobody looks again for it. */
const program = `
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>
int main(int argc, char **argv) {
	static char buffer[65536] __attribute__((aligned(8)));
	int fd = inotify_init();
	if (argc < 2 || inotify_add_watch(fd, argv[1], IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_MODIFY | IN_DELETE) < 0)
		return 1;
	puts("ready .");
	fflush(stdout);
	for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0; fflush(stdout))
		for (char *at = buffer; at < buffer + n;) {
			struct inotify_event *event = (struct inotify_event *)at;
			printf("%s %s\\n", event->mask & (IN_CREATE | IN_MOVED_TO) ? "create"
				: event->mask & IN_MODIFY ? "write" : event->mask & IN_MOVED_FROM ? "rename" : "remove", event->name);
			at += sizeof *event + event->len;
		}
}
`;

/** Watches a folder with the kernel's own inotify, which Node shows only part of. */
export class FolderWatch {
	readonly #folder: string;
	readonly #lines: AsyncIterator<string>;

	private constructor(folder: string, lines: AsyncIterator<string>) {
		[this.#folder, this.#lines] = [folder, lines];
	}

	/** Resolves when nothing of the folder is missed any more. */
	static async start(t: ExecutionContext, folder: string): Promise<FolderWatch> {
		const place = mkdtempSync(join(tmpdir(), 'inotify-'));
		t.teardown(() => rmSync(place, {recursive: true}));
		writeFileSync(join(place, 'watch.c'), program);
		execFileSync('cc', ['-o', join(place, 'watch'), join(place, 'watch.c')]);
		const child = spawn(join(place, 'watch'), [folder], {stdio: ['ignore', 'pipe', 'inherit']});
		const watch = new FolderWatch(folder, linesOf(child));
		t.teardown(async () => {
			child.kill();
			await once(child, 'close');
		});
		await watch.#lines.next();
		return watch;
	}

	/** Everything up to now since the last time, in the kernel's order. */
	async events(): Promise<readonly FolderEvent[]> {
		rmdirSync(mkdtempSync(join(this.#folder, endMark)));
		const events: FolderEvent[] = [];
		for (;;) {
			const {value} = await this.#lines.next();
			const [op = '', name = ''] = String(value).split(' ');
			if (name.startsWith(endMark) && op === 'remove') {
				return events;
			}

			if (!name.startsWith(endMark)) {
				events.push({op: op as FolderEvent['op'], name});
			}
		}
	}
}

const endMark = 'end-of-events-';

async function* linesOf({stdout}: ChildProcess): AsyncGenerator<string, void, void> {
	let rest = '';
	for await (const chunk of stdout ?? []) {
		const lines = (rest + String(chunk)).split('\n');
		rest = lines.pop() ?? '';
		yield* lines;
	}
}
