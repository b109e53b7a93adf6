import test from 'ava';
import {exec} from '../../src/kernel/exec.ts';
import {Netns} from '../../src/kernel/netns.ts';
import {Rtnetlink, routeRequest} from '../../src/kernel/route.ts';
import {decodeBody} from '../../src/wire/body.ts';
import {messageFlags} from '../../src/wire/message.ts';
import {rtnetlink} from '../../src/wire/rtnetlink.ts';

const {linkChange, link} = rtnetlink;
const make = messageFlags.create | messageFlags.exclusive;
const bridge = (name: string) =>
	routeRequest(`make ${name}`, linkChange.new, make, linkChange.layout, {name, info: {kind: 'bridge'}});
const get = (name: string) => routeRequest(`read ${name}`, link.get, 0, link.layout, {name});

test('requests of one datagram are done in order, each for itself, and the refused ones are told with the kernel’s words', (t) => {
	using door = new Rtnetlink();
	const {refusals, answers} = door.run([bridge('br-a'), bridge('br-a'), bridge('br-b'), get('br-b'), get('br-c')]);
	t.deepEqual(refusals, [
		{index: 1, what: 'make br-a', errno: 'EEXIST', text: undefined},
		{index: 4, what: 'read br-c', errno: 'ENODEV', text: undefined},
	]);
	t.deepEqual(
		answers.map(({payload}) => decodeBody(link.layout, payload).name),
		['br-b'],
	);
	const unknown = routeRequest('make it', linkChange.new, make, linkChange.layout, {
		name: 'x',
		info: {kind: 'nothing'},
	});
	t.deepEqual(door.run([unknown]).refusals, [
		{index: 0, what: 'make it', errno: 'ENOTSUP', text: 'Unknown device type'},
	]);
	t.deepEqual(door.run([]), {refusals: [], answers: []});
});

test('a socket keeps the namespace that it was made in, and a dump tells all that is there', async (t) => {
	await exec('ip', ['netns', 'add', 'route-test']);
	t.teardown(async () => await exec('ip', ['netns', 'delete', 'route-test']));
	using netns = new Netns('/run/netns/route-test');
	using door = new Rtnetlink({netns});
	t.deepEqual((await door.runAside([bridge('br-there')])).refusals, []);
	const links = door.dump(routeRequest('read links', link.get, 0, link.layout, {}));
	t.deepEqual(
		links.map(({payload}) => decodeBody(link.layout, payload).name),
		['lo', 'br-there'],
	);
});

test('a closed namespace gives no socket and no descriptor', async (t) => {
	await exec('ip', ['netns', 'add', 'route-gone']);
	const netns = new Netns('/run/netns/route-gone');
	t.is(typeof netns.descriptor, 'number');
	netns.close();
	await exec('ip', ['netns', 'delete', 'route-gone']);
	t.throws(() => new Rtnetlink({netns}), {code: 'NETNS_MISSING'});
	t.throws(() => netns.descriptor, {code: 'NETNS_MISSING'});
});
