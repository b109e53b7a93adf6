import test from 'ava';
import {Access} from '../../src/apiserver/access.ts';
import {systemClock} from '../../src/apiserver/clock.ts';
import {Requests} from '../../src/apiserver/requests.ts';
import {Authority} from '../support/certificates.ts';
import {startTlsDouble, writeKubeconfig} from '../support/watched-api.ts';

test('a request may be called off at any moment, also while its connection is made or taken from another one', async (t) => {
	const authority = new Authority();
	const double = await startTlsDouble(t, authority);
	const ca = Buffer.from(authority.identity.cert).toString('base64');
	const kubeconfig = writeKubeconfig(t, {server: double.url, 'certificate-authority-data': ca}, {});
	for (let steps = 0; steps < 60; steps++) {
		for (const hasConnection of [true, false]) {
			const access = new Access({kubeconfig});
			await access.credentials(); // all that takes time
			const requests = new Requests(access, systemClock);
			const stop = new AbortController();
			const get = async () => await requests.get('/api/v1/services', () => 1000, stop.signal);
			if (hasConnection) {
				const answer = await get();
				t.is(answer.kind === 'body' && (await Array.fromAsync(answer.chunks)).length, 1);
			}

			const called = get();
			for (let step = 0; step < steps; step++) {
				await Promise.resolve();
			}

			stop.abort();
			await t.throwsAsync(called); // an error of the socket that nobody hears would end the process
			access.close();
		}
	}
});

test('a request may be called off when its answer is there, however much of it was read', async (t) => {
	const authority = new Authority();
	const double = await startTlsDouble(t, authority);
	const ca = Buffer.from(authority.identity.cert).toString('base64');
	const access = new Access({
		kubeconfig: writeKubeconfig(t, {server: double.url, 'certificate-authority-data': ca}, {}),
	});
	t.teardown(() => access.close());
	const requests = new Requests(access, systemClock);
	for (let steps = 0; steps < 60; steps++) {
		const stop = new AbortController();
		const answer = await requests.get('/api/v1/services', () => 1000, stop.signal);
		const reading = answer.kind === 'body' ? Array.fromAsync(answer.chunks) : undefined;
		for (let step = 0; step < steps; step++) {
			await Promise.resolve();
		}

		stop.abort();
		await Promise.allSettled([reading]);
		t.is(answer.kind, 'body'); // an error of the socket that nobody hears would end the process
	}
});
