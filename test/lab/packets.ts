import {type Protocol, printSocketAddress} from '../../src/net/port.ts';
import {type AddressName, addresses, type HostName} from './addresses.ts';

/** The kinds of client, by the names that packet tables use; a host-network pod binds the node's address itself. */
export const clients = {
	'pod a': {host: 'a', interface: 'poda'},
	'pod b': {host: 'b', interface: 'podb'},
	'node n1': {host: 'n1'},
	'host pod': {host: 'n1', bind: 'n1'},
	'node n2': {host: 'n2', interface: 'eth0'},
	'pod c': {host: 'c', interface: 'eth0'},
	outside: {host: 'out', interface: 'out0'},
} as const satisfies Record<string, Client>;

/** `interface`: where its packets enter n1; absent for what n1 itself sends. */
export type Client = {readonly host: HostName; readonly interface?: string; readonly bind?: AddressName};
export type ClientName = keyof typeof clients;

/** A server, and the address under which it sees the client. */
export type Answer = {readonly by: string; readonly seen: string};

/**
 * What a client gets: each of some servers answers in its turn, or of `kept` ones always the same, whichever address
 * of the table it asks; or nobody does. `echoed`: a ping comes back.
 */
export type Cell =
	| {readonly kind: 'answered'; readonly answers: readonly Answer[]; readonly kept?: true}
	| {readonly kind: 'refused' | 'dropped' | 'echoed'};

/** What a column speaks of: connections of a protocol, or pings, whose port is 0. */
export type Asking = Protocol | 'ping';

/** One column: an address of each family (`undefined`: none of that family), and a port of one or more protocols. */
export type Destination = {
	readonly label: string;
	readonly addresses: readonly [ipv4: string | undefined, ipv6: string | undefined];
	readonly port: number;
	readonly protocols: readonly Asking[];
};

/** Every cell holds for both families and all protocols of its column; an `undefined` cell says nothing. */
export type PacketTable = {
	/** Comment lines above it, without `#`. */
	readonly title: readonly string[];
	readonly destinations: readonly Destination[];
	readonly rows: readonly {readonly client: ClientName; readonly cells: readonly (Cell | undefined)[]}[];
};

/** One connection that a table speaks of. */
export type Packet = {
	readonly client: ClientName;
	readonly address: string;
	readonly port: number;
	readonly protocol: Asking;
	/** Label of the column. */
	readonly label: string;
	readonly expected: Cell;
};

/** Every packet that the table speaks of: each cell in both families and with all protocols of its column. */
export function packetsOf({rows, destinations}: PacketTable): Packet[] {
	return rows.flatMap(({client, cells}) =>
		destinations.flatMap(({label, addresses: pair, port, protocols}, column) => {
			const expected = cells[column];
			const to = expected === undefined ? [] : pair.filter((address) => address !== undefined);
			return to.flatMap((address) =>
				protocols.flatMap((protocol) => (expected ? [{client, address, port, protocol, label, expected}] : [])),
			);
		}),
	);
}

/** A packet that got something else than its cell says: one line for people. */
export function printSurprise({client, address, port, protocol, label, expected}: Packet, got: string): string {
	return `${client} to ${label}, ${printSocketAddress(address, port)}/${protocol}: ${got}; not ${printCell(expected)}`;
}

/** The lab's name for an address: `n1`, `out`; the address itself when the lab has no such one. */
export function nameOf(address: string): string {
	const found = Object.entries(addresses).find(([, pair]) => pair.some((own) => own === address));
	return found?.[0] ?? address;
}

export function printCell(cell: Cell | undefined): string {
	switch (cell?.kind) {
		case 'answered': {
			const [between, within] = cell.kept ? [' | ', '|'] : [', ', ','];
			const groups = [...Map.groupBy(cell.answers, ({seen}) => seen)];
			return groups.map(([seen, answers]) => printAnswers(seen, answers, within)).join(between);
		}
		case 'refused':
		case 'dropped':
		case 'echoed':
			return cell.kind;
		case undefined:
			return '-';
	}
}

function printAnswers(seen: string, answers: readonly Answer[], between: string): string {
	return `${answers.map(({by}) => by).join(between)} ${answers.length === 1 || between === '|' ? 'sees' : 'see'} ${seen}`;
}

function parseCell(text: string): Cell | undefined {
	if (text === '-') {
		return undefined;
	}

	if (text === 'refused' || text === 'dropped' || text === 'echoed') {
		return {kind: text};
	}

	const answers = text.split(/, | \| /).flatMap((part) => {
		const [, by, seen] = /^(\S+) sees? (\S+)$/.exec(part) ?? [];
		if (by === undefined || seen === undefined) {
			throw new Error(`packet table: cannot read the cell "${text}"`);
		}

		return by.split(/[,|]/).map((name) => ({by: name, seen}));
	});
	return {kind: 'answered', answers, ...(text.includes('|') && {kept: true})};
}

/** Tables as text: columns stand under each other, two spaces or more between them. */
export function printPackets(tables: readonly PacketTable[]): string {
	return `${tables.map(printTable).join('\n\n')}\n`;
}

function printTable({title, destinations, rows}: PacketTable): string {
	const lines = [
		['to', ...destinations.map(({label}) => label)],
		['IPv4', ...destinations.map((to) => to.addresses[0] ?? '-')],
		['IPv6', ...destinations.map((to) => to.addresses[1] ?? '-')],
		['port', ...destinations.map(({port, protocols}) => `${port} ${protocols.join(' ')}`)],
		...rows.map(({client, cells}) => [client, ...cells.map(printCell)]),
	];
	const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
	const body = lines.map((line) =>
		line
			.map((cell, column) => cell.padEnd(widths[column] ?? 0))
			.join('  ')
			.trimEnd(),
	);
	return [...title.map((line) => `# ${line}`.trimEnd()), ...body].join('\n');
}

/**
 * The tables that `text` holds, separated by blank lines. A block of comments alone belongs to the table below it.
 *
 * @throws Error naming the line that cannot be read
 */
export function parsePackets(text: string): PacketTable[] {
	const blocks = text.split(/\n\s*\n/).map((block) => block.split('\n').filter((line) => line.trim() !== ''));
	const tables: PacketTable[] = [];
	let title: string[] = [];
	for (const block of blocks) {
		title.push(...block.filter((line) => line.startsWith('#')).map((line) => line.replace(/^# ?/, '')));
		const lines = block.filter((line) => !line.startsWith('#')).map((line) => line.trim().split(/\s{2,}/));
		if (lines.length > 0) {
			tables.push(readTable(title, lines));
			title = [];
		}
	}

	return tables;
}

function readTable(title: readonly string[], lines: readonly (readonly string[])[]): PacketTable {
	const [to = [], ipv4 = [], ipv6 = [], ports = [], ...rows] = lines;
	if (`${to[0]} ${ipv4[0]} ${ipv6[0]} ${ports[0]}` !== 'to IPv4 IPv6 port') {
		throw new Error(`packet table: expected the lines to, IPv4, IPv6, port; found ${lines.map((line) => line[0])}`);
	}

	const destinations = to.slice(1).map((label, index): Destination => {
		const [port = '', ...protocols] = ports[index + 1]?.split(' ') ?? [];
		const pair = [ipv4[index + 1], ipv6[index + 1]].map((address) => (address === '-' ? undefined : address));
		return {label, addresses: [pair[0], pair[1]], port: Number(port), protocols: protocols.map(readProtocol)};
	});
	return {
		title,
		destinations,
		rows: rows.map(([client = '', ...cells]) => {
			if (cells.length !== destinations.length) {
				throw new Error(`packet table: row "${client}" has ${cells.length} cells, not ${destinations.length}`);
			}

			return {client: readClient(client), cells: cells.map(parseCell)};
		}),
	};
}

function readProtocol(text: string): Asking {
	if (text === 'TCP' || text === 'UDP' || text === 'SCTP' || text === 'ping') {
		return text;
	}

	throw new Error(`packet table: no protocol "${text}"`);
}

function readClient(text: string): ClientName {
	const found = Object.keys(clients).find((name): name is ClientName => name === text);
	if (found === undefined) {
		throw new Error(`packet table: no client "${text}"; there are ${Object.keys(clients).join(', ')}`);
	}

	return found;
}
