import {buildProber} from './connect-prober.ts';
import {document, report} from './connect-report.ts';
import {measureRounds, type RoundsOptions} from './connect-rounds.ts';
import {countRules} from './connect-rules.ts';
import {tell} from './namespace.ts';

/** What {@link benchConnect} starts in a namespace of its own: its options as JSON, its results on stdout. */
export type RunOptions = RoundsOptions & {readonly json?: true};

const {json, ...options} = JSON.parse(process.argv[2] ?? '') as RunOptions; // the parent wrote it
await buildProber();
tell('rules met');
const rules = await countRules();
const results = {options, rules, measured: await measureRounds(options)};
tell('');
const lines = json ? [JSON.stringify(document(results), undefined, '\t')] : report(results);
process.stdout.write(`${lines.join('\n')}\n`);
