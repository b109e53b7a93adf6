/**
 * The netlink messages that `nft --debug=mnl` printed, in order, each from its header on.
 *
 * Source: libmnl, src/nlmsg.c, mnl_nlmsg_fprintf: every message is a box of lines, four bytes or one attribute header
 * each; a line of dashes stands above, behind the netlink header and below.
 */
export function parseDebug(output: string): Uint8Array[] {
	const colour = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
	const boxes = output.replaceAll(colour, '').split(/(?:-{16}\t-{18}\n){2}/);
	return boxes.map(parseBox).filter((message) => message.length >= 16);
}

function parseBox(box: string): Uint8Array {
	const [, length, type] = /\| {2}(\d+) {2}\|\t\| message length[\s\S]*?\| (\d+) \|/.exec(box) ?? [];
	if (length === undefined || type === undefined) {
		return new Uint8Array();
	}

	const header = Buffer.alloc(16);
	header.writeUInt32LE(Number(length), 0);
	header.writeUInt16LE(Number(type), 4);
	return Uint8Array.from(Buffer.concat([header, ...box.split('\n').map(parseLine)]).subarray(0, Number(length)));
}

function parseLine(line: string): Uint8Array {
	const [, length, flags = '', type] = /^\|(\d+)\|(..)\|(\d+)\|/.exec(line) ?? [];
	if (length !== undefined) {
		const header = Buffer.alloc(4);
		header.writeUInt16LE(Number(length), 0);
		header.writeUInt16LE(Number(type) | (flags.includes('N') ? 0x80_00 : 0), 2);
		return header;
	}

	const [, bytes] = /^\| ((?:[0-9a-f]{2} ?){4}) \|/.exec(line) ?? [];
	return Buffer.from((bytes ?? '').replaceAll(' ', ''), 'hex');
}
