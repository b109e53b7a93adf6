/** Says that something happened, to whoever waits for it; nobody else pays. */
export class Bell {
	#rung = Promise.withResolvers<void>();

	ring(): void {
		this.#rung.resolve();
		this.#rung = Promise.withResolvers();
	}

	/** Resolves at the next ring, or when the signal is aborted. */
	async next(signal: AbortSignal): Promise<void> {
		if (signal.aborted) {
			return;
		}

		const {promise, resolve} = Promise.withResolvers<void>();
		const wake = () => resolve();
		signal.addEventListener('abort', wake, {once: true});
		await Promise.race([this.#rung.promise, promise]);
		signal.removeEventListener('abort', wake);
	}
}
