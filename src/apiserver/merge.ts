/**
 * What several streams say, in the order in which it comes; each waits until its word was taken. Ends when all have
 * ended; throws what one of them throws. A race of their next words would keep a memory of each race in the slowest.
 */
export async function* merge<T>(streams: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
	const words: {readonly word: T; readonly taken: () => void}[] = [];
	const state: {isOver: boolean} = {isOver: false};
	const bell = {ring: () => {}};
	const pump = async (stream: AsyncIterable<T>) => {
		for await (const word of stream) {
			if (state.isOver) {
				return;
			}

			await new Promise<void>((taken) => {
				words.push({word, taken});
				bell.ring();
			});
		}
	};
	const over = Promise.all(streams.map(pump)).finally(() => {
		state.isOver = true;
		bell.ring();
	});
	over.catch(() => undefined); // it is awaited below, maybe after it failed
	try {
		while (!state.isOver || words.length > 0) {
			const [next] = words;
			if (next === undefined) {
				await new Promise<void>((resolve) => (bell.ring = resolve));
			} else {
				yield next.word;
				words.shift();
				next.taken();
			}
		}
	} finally {
		state.isOver = true; // also when the reader left: nobody may wait for it
		for (const {taken} of words) {
			taken();
		}
	}

	await over;
}
