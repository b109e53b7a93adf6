// What `npm run bench -- connect` measures with. Client and server are one thread with blocking sockets in two network
// namespaces: what is timed is the kernel's way for the packets, without a scheduler that wakes somebody in between.
//
//   connect measure TCP|UDP SERVER PASSES BLOCK PORT TARGET...   prints nanoseconds, a line for each target and moment
//   connect stream TCP|UDP SERVER MESSAGES TARGET                sends messages there and back over one socket
//
// SERVER = NETNS,PORT and TARGET = NETNS,SOURCE,ADDRESS,PORT. Each pass makes BLOCK connections to one target after the
// other, in an order of its own: what ran before has a share in how warm the caches are. A connection has a source port
// of its own, PORT and up, and ends with a reset: nothing stays in TIME_WAIT.
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { tcp_bytes = 16384, udp_bytes = 512, first_port = 10000, last_port = 65000 };

static char buffer[tcp_bytes];
static int type, server; // SOCK_*, and a socket of that type in the server's namespace

struct target {
	int netns;
	struct sockaddr_in source, destination;
	uint64_t *established, *answered;
	size_t count;
};

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static struct sockaddr_in address(const char *text, int port)
{
	struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons(port)};
	if (inet_pton(AF_INET, text, &result.sin_addr) != 1)
		errx(2, "%s is no IPv4 address", text);
	return result;
}

static int open_netns(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static struct target parse_target(const char *text)
{
	char netns[128], source[16], destination[16];
	int port;
	if (sscanf(text, "%127[^,],%15[^,],%15[^,],%d", netns, source, destination, &port) != 4)
		errx(2, "%s is no NETNS,SOURCE,ADDRESS,PORT", text);
	return (struct target){
		.netns = open_netns(netns), .source = address(source, 0), .destination = address(destination, port)};
}

static int open_socket(int netns, struct sockaddr_in at)
{
	if (setns(netns, CLONE_NEWNET) != 0)
		err(1, "setns");
	int fd = socket(AF_INET, type, 0);
	struct timeval patience = {.tv_sec = 5};
	struct linger reset = {.l_onoff = 1};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
		err(1, "bind port %d", ntohs(at.sin_port));
	return fd;
}

static int open_server(const char *text)
{
	char netns[128];
	int port, on = 1;
	if (sscanf(text, "%127[^,],%d", netns, &port) != 2)
		errx(2, "%s is no NETNS,PORT", text);
	int fd = open_socket(open_netns(netns), address("0.0.0.0", port));
	if (type == SOCK_STREAM && listen(fd, 16) != 0)
		err(1, "listen");
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
	return fd;
}

static int open_client(const struct target *target, int port)
{
	struct sockaddr_in source = target->source;
	source.sin_port = htons(port);
	return open_socket(target->netns, source);
}

static void receive(int fd, size_t length)
{
	for (size_t got = 0; got < length;) {
		ssize_t more = recv(fd, buffer, length - got, 0);
		if (more <= 0)
			err(1, "recv");
		got += more;
	}
}

static void transmit(int fd, size_t length)
{
	if (send(fd, buffer, length, 0) != (ssize_t)length)
		err(1, "send");
}

// The control message names the address that was asked: it goes back as the source of the answer.
static void answer_datagram(void)
{
	struct sockaddr_in from;
	char control[CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct iovec bytes = {buffer, sizeof buffer};
	struct msghdr message = {&from, sizeof from, &bytes, 1, control, sizeof control, 0};
	ssize_t length = recvmsg(server, &message, 0);
	if (length < 0)
		err(1, "recvmsg");
	bytes.iov_len = length;
	if (sendmsg(server, &message, 0) != length)
		err(1, "sendmsg");
}

// There and back; `accepted` is the server's end of a TCP connection.
static void echo(int fd, int accepted, size_t length)
{
	transmit(fd, length);
	if (type == SOCK_STREAM) {
		receive(accepted, length);
		transmit(accepted, length);
	} else {
		answer_datagram();
	}
	receive(fd, length);
}

static int accept_one(void)
{
	int fd = type == SOCK_STREAM ? accept(server, NULL, NULL) : -1;
	if (type == SOCK_STREAM && fd < 0)
		err(1, "accept");
	return fd;
}

static void connect_to(int fd, const struct target *target)
{
	if (connect(fd, (const struct sockaddr *)&target->destination, sizeof target->destination) != 0)
		err(1, "connect to %s", inet_ntoa(target->destination.sin_addr));
}

// To the end of the handshake, which UDP has not, and to the first byte of the answer.
static void measure_one(struct target *target, int port)
{
	int fd = open_client(target, port);
	uint64_t began = now();
	connect_to(fd, target);
	target->established[target->count] = now() - began;
	int accepted = accept_one();
	echo(fd, accepted, 1);
	target->answered[target->count++] = now() - began;
	close(fd);
	if (type == SOCK_STREAM)
		close(accepted);
}

static void print_line(const char *moment, size_t index, const uint64_t *values, size_t count)
{
	printf("%s %zu", moment, index);
	for (size_t i = 0; i < count; i++)
		printf(" %llu", (unsigned long long)values[i]);
	putchar('\n');
}

// The same in every run: `order` becomes another order of the numbers that it holds.
static void shuffle(size_t *order, size_t count)
{
	for (size_t left = count; left > 1; left--) {
		size_t other = random() % left, last = order[left - 1];
		order[left - 1] = order[other];
		order[other] = last;
	}
}

static void measure(int passes, int block, int port, size_t count, char **texts)
{
	struct target *targets = calloc(count, sizeof *targets);
	size_t *order = calloc(count, sizeof *order);
	srandom(port);
	for (size_t i = 0; i < count; i++) {
		order[i] = i;
		targets[i] = parse_target(texts[i]);
		targets[i].established = calloc((size_t)passes * block, sizeof(uint64_t));
		targets[i].answered = calloc((size_t)passes * block, sizeof(uint64_t));
	}
	for (int pass = 0; pass < passes; pass++) {
		shuffle(order, count);
		for (size_t turn = 0; turn < count; turn++)
			for (int i = 0; i < block; i++)
				measure_one(&targets[order[turn]],
					    first_port + (port + pass * block + i) % (last_port - first_port));
	}
	for (size_t i = 0; i < count; i++) {
		if (type == SOCK_STREAM)
			print_line("established", i, targets[i].established, targets[i].count);
		print_line("answered", i, targets[i].answered, targets[i].count);
	}
}

static void stream(int messages, const char *text)
{
	struct target target = parse_target(text);
	int fd = open_client(&target, 0);
	connect_to(fd, &target);
	int accepted = accept_one();
	for (int i = 0; i < messages; i++)
		echo(fd, accepted, type == SOCK_STREAM ? tcp_bytes : udp_bytes);
}

int main(int argc, char **argv)
{
	if (argc < 6)
		errx(2, "usage: connect measure|stream TCP|UDP SERVER ...");
	// where it is allowed: what else this machine runs is no part of what is measured
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
	type = strcmp(argv[2], "TCP") == 0 ? SOCK_STREAM : SOCK_DGRAM;
	server = open_server(argv[3]);
	if (strcmp(argv[1], "stream") == 0)
		stream(atoi(argv[4]), argv[5]);
	else if (argc > 7)
		measure(atoi(argv[4]), atoi(argv[5]), atoi(argv[6]), argc - 7, argv + 7);
	return 0;
}
