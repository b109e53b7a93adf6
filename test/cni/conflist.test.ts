import test from 'ava';
import {parseCall} from '../../src/cni/call.ts';
import {printConflist, printStatusConfig} from '../../src/cni/conflist.ts';

const usual = {mode: 'routed', mtuBytes: 0, stateDir: '/run/fairlead'} as const;

test('a runtime that reads cniVersion alone speaks 1.0.0, one that reads cniVersions the newest of them', (t) => {
	const {cniVersion, cniVersions, name, disableCheck} = JSON.parse(printConflist(usual));
	t.deepEqual(
		{cniVersion, cniVersions, name, disableCheck},
		{cniVersion: '1.0.0', cniVersions: ['0.3.1', '0.4.0', '1.0.0', '1.1.0'], name: 'fairlead', disableCheck: false},
	);
});

test('the one plugin is told what differs from what it knows, and is handed what the runtime knows of a pod', (t) => {
	const capabilities = {portMappings: true, bandwidth: true, ips: true, mac: true, dns: true};
	t.deepEqual(JSON.parse(printConflist(usual)).plugins, [{type: 'fairlead-cni', mode: 'routed', capabilities}]);
	t.deepEqual(JSON.parse(printConflist({mode: 'bridge', mtuBytes: 1400, stateDir: '/run/other'})).plugins, [
		{type: 'fairlead-cni', mode: 'bridge', mtu: 1400, stateDir: '/run/other', capabilities},
	]);
});

test('the text ends with a newline, and is the same whenever it is printed', (t) => {
	t.true(printConflist(usual).endsWith('}\n'));
	t.is(printConflist(usual), printConflist({...usual}));
});

test('what the daemon is asked with is the network of the list, in the version that STATUS came with', (t) => {
	const config = printStatusConfig({mode: 'bridge', mtuBytes: 1400, stateDir: '/run/other'});
	const call = parseCall({env: {CNI_COMMAND: 'STATUS', CNI_PATH: ''}, config});
	t.like(call, {verb: 'STATUS', version: '1.1.0', network: 'fairlead', config: {mode: 'bridge', mtuBytes: 1400}});
});
