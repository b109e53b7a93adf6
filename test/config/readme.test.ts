import {readFileSync} from 'node:fs';
import test from 'ava';
import {foreignFlags} from '../../src/config/kube-proxy-flags.ts';
import {settings} from '../../src/config/settings.ts';

/** The page with the columns of its tables no longer padded. */
const readme = readFileSync(new URL('../../src/config/README.md', import.meta.url), 'utf8').replaceAll(/ +/g, ' ');

test('the README lists every setting with its default', (t) => {
	for (const {flag, default: preset} of Object.values(settings)) {
		const row = readme.split('\n').find((line) => line.startsWith(`| \`--${flag}\``));
		t.true(row !== undefined, `--${flag} has no row`);
		t.true(preset === undefined || row?.includes(`\`${preset}\``), `--${flag}: default ${preset} is not in ${row}`);
	}
});

test('the README lists every other flag of kube-proxy with what becomes of it', (t) => {
	for (const {flag, fate, because} of foreignFlags) {
		t.true(readme.includes(`| \`--${flag}\` | ${fate} | ${because} |`), `--${flag} | ${fate} | ${because}`);
	}
});
