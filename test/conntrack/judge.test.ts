import test from 'ava';
import {decodeFlow} from '../../src/conntrack/flow.ts';
import {judge, servingSet} from '../../src/conntrack/judge.ts';
import {buildBackend, type FlowParts, flowPayload} from '../support/flows.ts';

const frontend = '10.96.0.10:53';

function verdict(flow: Omit<FlowParts, 'to'>, ...serving: readonly string[]): string {
	const decoded = decodeFlow(flowPayload({to: frontend, ...flow}));
	if (decoded === undefined) {
		return 'no flow';
	}

	const judged = judge(decoded, servingSet(serving.map(buildBackend)));
	return judged.kind === 'stale' ? judged.because : judged.kind;
}

test('a flow whose answers come from a serving backend goes on', (t) => {
	t.is(verdict({by: '10.128.0.11:8080'}, '10.128.0.12:8080', '10.128.0.11:8080'), 'live');
});

test('a flow to a backend that serves no more is stale, to its old port too', (t) => {
	t.is(verdict({by: '10.128.0.11:8080'}, '10.128.0.12:8080'), '10.128.0.11:8080 does not serve');
	t.is(verdict({by: '10.128.0.11:8080'}, '10.128.0.11:9090'), '10.128.0.11:8080 does not serve');
	t.is(verdict({by: '10.128.0.11:8080'}), 'no endpoint serves');
});

test('a flow that no rule translated is stale, unless the frontend is where the backend itself is', (t) => {
	t.is(verdict({by: frontend}, '10.128.0.11:8080'), 'it began before there was a rule that translates it');
	t.is(verdict({by: frontend}, frontend), 'live');
});

test('TCP and SCTP are never stale', (t) => {
	t.is(verdict({by: '10.128.0.11:8080', protocol: 'TCP'}), 'live');
	t.is(verdict({by: frontend, protocol: 'SCTP'}), 'live');
});
