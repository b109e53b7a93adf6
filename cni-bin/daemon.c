#include "daemon.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/** As the daemon bounds what it sends. Source: src/control/protocol.ts, answerBytesMax */
enum { answer_bytes_max = 64 << 20, piece_bytes = 16384 };

int reach(const char *folder, int seconds)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/control.sock", folder) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int daemon = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = {.tv_sec = seconds};
	if (daemon >= 0)
		setsockopt(daemon, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); // that of connect
	if (daemon >= 0 && connect(daemon, (struct sockaddr *)&address, sizeof address) != 0) {
		int reason = errno;
		close(daemon);
		errno = reason;
		return -1;
	}
	return daemon;
}

static int64_t now_ms(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/** Sends or receives what can be at once; -1 when the daemon is gone, or was silent up to `end_ms`. */
static ssize_t move(int daemon, void *bytes, size_t length, int64_t end_ms, short way)
{
	for (;;) {
		ssize_t moved = way == POLLOUT ? send(daemon, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT)
					       : recv(daemon, bytes, length, MSG_DONTWAIT);
		if (moved > 0)
			return moved;
		if (moved == 0 || (errno != EAGAIN && errno != EINTR))
			return -1;
		int64_t left_ms = end_ms - now_ms();
		struct pollfd wait = {.fd = daemon, .events = way};
		if (left_ms <= 0 || (poll(&wait, 1, left_ms) < 0 && errno != EINTR))
			return -1;
	}
}

static int send_all(int daemon, char *bytes, size_t length, int64_t end_ms)
{
	while (length > 0) {
		ssize_t sent = move(daemon, bytes, length, end_ms, POLLOUT);
		if (sent < 0)
			return 0;
		bytes += sent;
		length -= sent;
	}
	return 1;
}

static int receive(int daemon, struct text *answer, int64_t end_ms)
{
	uint32_t announced;
	size_t wanted = sizeof announced;
	char piece[piece_bytes];
	while (answer->length < wanted) {
		size_t left = wanted - answer->length;
		ssize_t came = move(daemon, piece, left < sizeof piece ? left : sizeof piece, end_ms, POLLIN);
		if (came < 0)
			return 0;
		append(answer, piece, came);
		if (wanted == sizeof announced && answer->length == wanted) {
			memcpy(&announced, answer->bytes, sizeof announced);
			wanted += ntohl(announced);
			if (ntohl(announced) > answer_bytes_max)
				return 0;
		}
	}
	answer->length -= sizeof announced;
	memmove(answer->bytes, answer->bytes + sizeof announced, answer->length);
	return 1;
}

int ask(int daemon, int seconds, const struct text *request, struct text *answer)
{
	int64_t end_ms = now_ms() + seconds * 1000;
	uint32_t length = htonl(request->length);
	struct text frame = {0};
	append(&frame, (char *)&length, sizeof length);
	append(&frame, request->bytes, request->length);
	int answered = send_all(daemon, frame.bytes, frame.length, end_ms) && receive(daemon, answer, end_ms);
	close(daemon);
	return answered;
}
