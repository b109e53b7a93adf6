/** The bytes as hexadecimal digits, a space after every four bytes, as the tests write them. */
export function hex(bytes: Uint8Array): string {
	return Buffer.from(bytes)
		.toString('hex')
		.replaceAll(/(.{8})(?=.)/g, '$1 ');
}

/** The bytes that hexadecimal digits spell; spaces and line breaks are skipped. */
export function fromHex(text: string): Uint8Array {
	return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}
