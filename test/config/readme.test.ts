import {readFileSync} from 'node:fs';
import test from 'ava';
import {fieldsOf, kubeProxyFields, whyUnused} from '../../src/config/kube-proxy-fields.ts';
import {foreignFlags} from '../../src/config/kube-proxy-flags.ts';
import {ownField, settingEntries} from '../../src/config/settings.ts';

/** The page's rows of tables, their columns no longer padded. */
const rows = readFileSync(new URL('../../src/config/README.md', import.meta.url), 'utf8')
	.replaceAll(/ +/g, ' ')
	.split('\n')
	.filter((line) => line.startsWith('|'));

/** Rows that begin with the flag. */
function rowsOf(flag: string): readonly string[] {
	return rows.filter((row) => row.startsWith(`| \`--${flag}\``));
}

test('the README lists every setting once, with its default, its fields, and whether it is followed live', (t) => {
	for (const [name, {flag, default: preset, field, live}] of settingEntries) {
		const [row = '', ...more] = rowsOf(flag);
		const fields =
			field === undefined
				? `ours: \`${ownField(name)}\``
				: fieldsOf(field)
						.map((each) => `\`${each}\``)
						.join(', ');
		t.deepEqual(more, [], flag);
		t.true(row.includes(`| ${fields} |`), `--${flag}: ${fields} is not in ${row}`);
		t.true(preset === undefined || row.includes(`\`${preset}\``), `--${flag}: ${preset}`);
		t.is(row.includes('| live |'), live === true, flag);
	}
});

test('the README lists every other flag of kube-proxy with its fields and what becomes of it', (t) => {
	for (const {flag, fate, because} of foreignFlags) {
		const fields = [...kubeProxyFields].filter(([, row]) => row.flag === flag).map(([path]) => `\`${path}\``);
		const row = `| \`--${flag}\` | ${fields.join(', ')}${fields.length > 0 ? ' ' : ''}| ${fate} | ${because} |`;
		t.deepEqual(rowsOf(flag), [row]);
	}
});

test('the README lists every field that no flag says', (t) => {
	const silent = [...kubeProxyFields].filter(([, {because}]) => because !== undefined).map(([path]) => path);
	t.true(silent.length > 0);
	for (const path of silent) {
		t.true(rows.includes(`| | \`${path}\` | unused | ${whyUnused(path)} |`), path);
	}
});
