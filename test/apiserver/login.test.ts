import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {openLogin} from '../../src/apiserver/kubeconfig.ts';
import {directoryOf} from '../support/directory.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** What a kubeconfig with this cluster and user says; `ca.crt`, `tls.crt`, `tls.key` and `token` stand beside it. */
async function login(t: ExecutionContext, cluster: object, user: object) {
	const directory = directoryOf(t);
	for (const file of ['ca.crt', 'tls.crt', 'tls.key', 'token']) {
		writeFileSync(join(directory, file), `${file} in a file`);
	}

	const kubeconfig = join(directory, 'kubeconfig');
	const text = {
		clusters: [
			{name: 'other', cluster: {server: 'https://other'}},
			{name: 'here', cluster},
		],
		users: [{name: 'me', user}],
		contexts: [{name: 'now', context: {cluster: 'here', user: 'me'}}],
		'current-context': 'now',
	};
	writeFileSync(kubeconfig, JSON.stringify(text));
	const {server, options} = await openLogin({kubeconfig});
	return {server, ...(await options())};
}

const server = 'https://192.0.2.1:6443/';

test('the current context says cluster and user; a slash at the end of the server does not count', async (t) => {
	t.deepEqual(await login(t, {server}, {}), {server: 'https://192.0.2.1:6443', headers: {}});
});

test('certificates and keys are files beside the kubeconfig, or stand in it', async (t) => {
	const files = {'client-certificate': 'tls.crt', 'client-key': 'tls.key'};
	t.like(await login(t, {server, 'certificate-authority': 'ca.crt'}, files), {
		ca: 'ca.crt in a file',
		cert: 'tls.crt in a file',
		key: 'tls.key in a file',
	});
	const data = {'client-certificate-data': base64('cert'), 'client-key-data': base64('key')};
	const both = {server, 'certificate-authority': 'ca.crt', 'certificate-authority-data': base64('ca')};
	t.like(await login(t, both, {...files, ...data}), {ca: 'ca', cert: 'cert', key: 'key'}, 'what stands in it counts');
});

test('of a token the file counts', async (t) => {
	const headersFor = async (user: object) => (await login(t, {server}, user)).headers;
	t.deepEqual(await headersFor({token: 'text'}), {Authorization: 'Bearer text'});
	t.deepEqual(await headersFor({token: 'text', tokenFile: 'token'}), {Authorization: 'Bearer token in a file'});
});

test('a user may have a password, a cluster another name or a certificate that nobody looks at', async (t) => {
	t.is((await login(t, {server}, {username: 'me', password: 'a:b'})).auth, 'me:a:b');
	const cluster = {server, 'tls-server-name': 'kubernetes', 'insecure-skip-tls-verify': true};
	t.like(await login(t, cluster, {}), {servername: 'kubernetes', rejectUnauthorized: false});
});

test('who stands in for somebody else says so', async (t) => {
	t.like(await login(t, {server}, {token: 'text', as: 'somebody'}), {headers: {'Impersonate-User': 'somebody'}});
});

for (const [what, cluster, user, says] of [
	['a server that is no text', {server: 5}, {}, /server/],
	['a user that is a list', {server}, [], /users\[0\].user is a list/],
	['a token file that is missing', {server}, {tokenFile: 'nowhere'}, /ENOENT.*nowhere/],
] as const) {
	test(`${what} is named`, async (t) => {
		await t.throwsAsync(login(t, cluster, user as object), {message: says});
	});
}

test('a kubeconfig that is no YAML, or has no context, is named', async (t) => {
	const kubeconfig = join(directoryOf(t), 'kubeconfig');
	writeFileSync(kubeconfig, '{');
	await t.throwsAsync(openLogin({kubeconfig}), {message: /flow collection/});
	writeFileSync(kubeconfig, 'current-context: now\n');
	await t.throwsAsync(openLogin({kubeconfig}), {message: 'its current context, "now", names no cluster and user'});
});
