import test from 'ava';
import {linkOfShaper, shapeOf, shaperName, shapesOf} from '../../src/cni/shaping.ts';

const mtu = 1500;

test('a rate in bits becomes one in bytes, with what waits for 25 ms at most behind the burst', (t) => {
	t.deepEqual(shapeOf(8_000_000, 800_000, mtu), {rate: 1_000_000, burst: 100_000, limit: 125_000});
});

test('without a rate there is no limit, whatever the burst', (t) => {
	t.is(shapeOf(undefined, 800_000, mtu), undefined);
	t.is(shapeOf(0, 800_000, mtu), undefined);
});

test('a burst that was not said, or is what container runtimes say instead, is what comes in 50 ms, 64 KiB at least', (t) => {
	for (const unsaid of [undefined, 0, 2 ** 31 - 1, 2 ** 32 - 1]) {
		t.is(shapeOf(800_000_000, unsaid, mtu)?.burst, 5_000_000);
		t.is(shapeOf(800_000, unsaid, mtu)?.burst, 65_536);
	}
});

test('a burst is never less than one frame, which would never pass', (t) => {
	t.is(shapeOf(800_000, 80, mtu)?.burst, 1518);
});

test('a burst and what waits fit into the 32 bits that the kernel has for them', (t) => {
	t.deepEqual(shapeOf(8e12, undefined, mtu), {rate: 1e12, burst: 2 ** 32 - 1, limit: 2 ** 32 - 1});
	t.is(shapeOf(1, undefined, mtu)?.rate, 1, 'nor is a rate of less than a byte no rate');
});

test('each direction has its own limit', (t) => {
	t.deepEqual(shapesOf({egressRate: 8_000_000, egressBurst: 800_000}, mtu), {
		ingress: undefined,
		egress: {rate: 1_000_000, burst: 100_000, limit: 125_000},
	});
});

test('the interface of a limit is found by the name of the link, and the link by its', (t) => {
	t.is(shaperName('fairdeadbeef123'), 'fifbdeadbeef123');
	t.is(linkOfShaper('fifbdeadbeef123'), 'fairdeadbeef123');
});
