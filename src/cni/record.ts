import {parseAddress} from '../net/address.ts';
import {parseMac} from '../net/mac.ts';
import {type Prefix, prefixOf} from '../net/prefix.ts';
import type {Attachment} from './attachment.ts';
import type {Resting} from './journal.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Rows of the journal as values. What this version wrote is read back the same.
 *
 * @throws TypeError, SyntaxError or NetError NET_INVALID when something else stands there
 */
export const decodeRecord = {
	attachment(text: unknown): Attachment {
		const fields = fieldsOf(JSON.parse(textOf(text)));
		for (const name of ['network', 'containerId', 'ifName', 'netns', 'link', 'bridge']) {
			textOf(fields[name]);
		}

		for (const name of ['netnsInode', 'mtuBytes', 'since']) {
			numberOf(fields[name]);
		}

		oneOf(fields['state'], ['adding', 'attached', 'deleting']);
		oneOf(fields['mode'], ['routed', 'bridge']);
		parseMac(textOf(fields['mac']));
		listOf(fields['hostPorts']).map(fieldsOf);
		fieldsOf(fields['bandwidth']);
		const addresses = listOf(fields['addresses']).map((address) => parseAddress(textOf(address)));
		const pod = fields['pod'] === undefined ? undefined : fieldsOf(fields['pod']);
		return {...fields, addresses, pod} as unknown as Attachment; // all that tells this row from another one was looked at
	},

	resting(row: Fields): Resting {
		const {address, network, freedAt} = row;
		return {address: parseAddress(textOf(address)), network: textOf(network), freedAt: numberOf(freedAt)};
	},

	last(row: Fields) {
		return {network: textOf(row['network']), address: parseAddress(textOf(row['address']))};
	},

	prefixes(text: unknown): readonly Prefix[] {
		return listOf(JSON.parse(textOf(text))).map((entry) => {
			const {address, bits} = fieldsOf(entry);
			return prefixOf(parseAddress(textOf(address)), numberOf(bits));
		});
	},
};

function fieldsOf(value: unknown): Fields {
	if (typeof value !== 'object' || value === null || Array.isArray(value)) {
		throw new TypeError(`no object: ${JSON.stringify(value)}`);
	}

	return {...value};
}

function listOf(value: unknown): readonly unknown[] {
	if (!Array.isArray(value)) {
		throw new TypeError(`no list: ${JSON.stringify(value)}`);
	}

	return value;
}

function textOf(value: unknown): string {
	if (typeof value !== 'string') {
		throw new TypeError(`no text: ${JSON.stringify(value)}`);
	}

	return value;
}

function numberOf(value: unknown): number {
	if (typeof value !== 'number' || !Number.isFinite(value)) {
		throw new TypeError(`no number: ${JSON.stringify(value)}`);
	}

	return value;
}

function oneOf(value: unknown, known: readonly string[]): void {
	if (!known.includes(textOf(value))) {
		throw new TypeError(`none of ${known.join(', ')}: ${JSON.stringify(value)}`);
	}
}
