import type {Family} from '../../net/address.ts';
import {decodeBody} from '../../wire/body.ts';
import {ElementReader} from '../../wire/element-reader.ts';
import type {Message} from '../../wire/message.ts';
import {nftables} from '../../wire/nftables.ts';
import {tableName} from './ruleset.ts';

/** So many kinds of things are told apart; what is left is counted. */
const partsMax = 4;

/**
 * What a transaction did to our table, for people: `ip fairlead: 2 elements of services deleted, 1 rule of incoming
 * added`; undefined when that is nothing.
 *
 * @param messages those that are about the table
 */
export function editText(messages: readonly Message[], family: Family): string | undefined {
	const at = `${family === 'IPv4' ? 'ip' : 'ip6'} ${tableName}`;
	if (messages.some(({type}) => type === nftables.table.delete)) {
		return `${at}: the table deleted`; // and with it all that it held, which is told too
	}

	const counts = new Map<string, number>();
	for (const message of messages) {
		const [what, count] = describe(message);
		counts.set(what, (counts.get(what) ?? 0) + count);
	}

	const parts = [...counts].map(([what, count]) => `${count} ${count === 1 ? what : what.replace(' ', 's ')}`);
	const more = parts.length > partsMax ? [`${parts.length - partsMax} other kinds of change`] : [];
	return parts.length === 0 ? undefined : `${at}: ${[...parts.slice(0, partsMax), ...more].join(', ')}`;
}

/** As `rule of incoming added`, and of how many. */
function describe({type, payload}: Message): readonly [what: string, count: number] {
	const {table, chain, rule, set, element} = nftables;
	switch (type) {
		case table.new:
			return ['table changed', 1];
		case chain.new:
		case chain.delete:
			return [`chain ${decodeBody(chain.layout, payload).name} ${verb(type === chain.new)}`, 1];
		case rule.new:
		case rule.delete:
			return [`rule of ${decodeBody(rule.layout, payload).chain} ${verb(type === rule.new)}`, 1];
		case set.new:
		case set.delete:
			return [`set ${decodeBody(set.layout, payload).name} ${verb(type === set.new)}`, 1];
		case element.new:
		case element.delete: {
			const reader = new ElementReader();
			reader.open(payload);
			let count = 0;
			while (reader.next()) {
				count++;
			}

			return [`element of ${reader.set} ${verb(type === element.new)}`, count];
		}
		default:
			return ['object changed', 1];
	}
}

function verb(isNew: boolean): string {
	return isNew ? 'added' : 'deleted';
}
