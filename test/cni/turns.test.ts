import test from 'ava';
import {Turns} from '../../src/cni/turns.ts';

test('what names the same waits for each other in order, past what fails; all else goes at once', async (t) => {
	const turns = new Turns();
	const told: string[] = [];
	const gate = Promise.withResolvers<void>();
	const first = turns.take('c1', async () => {
		await gate.promise;
		told.push('c1 first');
		throw new Error('it failed');
	});
	const second = turns.take('c1', async () => told.push('c1 second'));
	await turns.take('c2', async () => told.push('c2'));
	t.deepEqual(told, ['c2']);
	gate.resolve();
	await t.throwsAsync(first);
	await second;
	t.deepEqual(told, ['c2', 'c1 first', 'c1 second']);
	await turns.take('c1', async () => told.push('c1 third'));
	t.is(told.at(-1), 'c1 third');
});
