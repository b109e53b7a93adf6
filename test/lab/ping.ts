import {execFile} from 'node:child_process';
import type {Probe, ProbeResult} from './requests.ts';

/**
 * One echo request from a ping socket, which Node has none of; Perl is part of every Debian and Ubuntu. Prints the
 * result's kind. An answer that comes from another address than was asked does not reach a connected socket.
 */
const script = `
	use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6);
	my ($address, $from, $deadline) = @ARGV;
	my $six = $address =~ /:/;
	my $name = sub { my ($text) = @_; $six ? pack_sockaddr_in6(0, inet_pton(AF_INET6, $text)) : pack_sockaddr_in(0, inet_pton(AF_INET, $text)) };
	socket(my $socket, $six ? AF_INET6 : AF_INET, SOCK_DGRAM, $six ? 58 : 1) or die "socket: $!";
	if ($from) { bind($socket, $name->($from)) or die "bind: $!"; }
	my $end = sub { print $!{ECONNREFUSED} ? 'refused' : $!{EPERM} ? 'dropped' : $!{EHOSTUNREACH} || $!{ENETUNREACH} ? 'unreachable' : die "$!"; exit };
	connect($socket, $name->($address)) or $end->();
	defined send($socket, pack('C2n3', $six ? 128 : 8, 0, 0, 0, 1), 0) or $end->();
	vec(my $ready = '', fileno($socket), 1) = 1;
	select($ready, undef, undef, $deadline) or print('dropped'), exit;
	defined recv($socket, my $answer, 64, 0) or $end->();
	print ord($answer) == ($six ? 129 : 0) ? 'echoed' : die 'an answer of type ' . ord($answer);
`;

const kinds = ['echoed', 'refused', 'dropped', 'unreachable'] as const;

/** Tells what came back of one echo request within `deadlineMs`. Never rejects. */
export async function ping({address, from = ''}: Probe, deadlineMs: number): Promise<ProbeResult> {
	return await new Promise((resolve) => {
		execFile('perl', ['-MErrno', '-e', script, address, from, String(deadlineMs / 1000)], (error, stdout, stderr) => {
			const kind = kinds.find((each) => each === stdout);
			resolve(kind === undefined ? {kind: 'failed', code: stderr || String(error)} : {kind});
		});
	});
}
