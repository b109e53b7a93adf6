import test from 'ava';
import {printAge, printLongTable, printSome, printTable} from '../../src/cli/table.ts';

test('columns are as wide as what is in them, numbers stand to the right, the last column is wrapped', (t) => {
	const rows = [
		['shop/web', '1,204', 'because of a reason that is longer than the line'],
		['db', '7', 'x'],
	];
	t.is(
		printTable(['NAME', 'COUNT', 'WHY'], rows, 47),
		`NAME      COUNT  WHY
shop/web  1,204  because of a reason that is
                 longer than the line
db            7  x
`,
	);
});

test('a table of nothing is its heading', (t) => {
	t.is(printTable(['A', 'B'], [], 80), 'A  B\n');
});

test('a long list is cut, and says how to see the rest', (t) => {
	const rows = Array.from({length: 1025}, (_, n) => [`s${n}`]);
	const lines = printLongTable(['NAME'], rows, 80).split('\n');
	t.is(lines.length, 13);
	t.is(lines.at(-2), '… and 1,015 more (-o json lists all)');
	t.false(printLongTable(['NAME'], rows.slice(0, 10), 80).includes('more'));
});

test('an age is its two largest units', (t) => {
	const ages = [0, 0.44, 9.96, 45.4, 60, 192, 3600, 11_460, 86_400, 446_400];
	t.deepEqual(ages.map(printAge), ['0s', '0.4s', '10s', '45s', '1m', '3m12s', '1h', '3h11m', '1d', '5d4h']);
});

test('a noun agrees with its number', (t) => {
	t.deepEqual(
		[printSome(0, 'Service'), printSome(1, 'Service'), printSome(1204, 'Service'), printSome(2, 'NodeAddress')],
		['0 Services', '1 Service', '1,204 Services', '2 NodeAddresses'],
	);
});
