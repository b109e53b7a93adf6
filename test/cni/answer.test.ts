import test from 'ava';
import {refuseAny} from '../../src/cni/answer.ts';
import {type ErrorCode, NetError} from '../../src/errors.ts';

const fromKernel = ['CNI_KERNEL', 'KERNEL_DENIED', 'KERNEL_REFUSED', 'NETLINK_REFUSED', 'NETLINK_LOST'] as const;

for (const code of fromKernel satisfies readonly ErrorCode[]) {
	test(`${code} is answered with 106: the kernel refused`, (t) => {
		const {exitCode, output} = refuseAny(new NetError(code, 'add a link', {errno: 'EPERM'}), '1.1.0');
		t.is(exitCode, 1);
		t.like(output, {cniVersion: '1.1.0', code: 106, msg: 'cannot add a link'});
	});
}

test('what nobody foresaw is answered with 999, and is a bug', (t) => {
	const {output} = refuseAny(new TypeError('x is undefined'), '0.4.0');
	t.like(output, {cniVersion: '0.4.0', code: 999});
	t.regex(String(Object(output).details), /^DAEMON_BUG: /);
});
