/*
 * Netlink sockets, without waiting: the kernel works a request off inside sendmsg, so that its answer can be read in
 * the same turn. Who wants to be told of later messages uses the poller.
 */
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* More than any one message of the kernel to us: dumps come in 32 KiB, an attribute list ends at 64 KiB. */
#define LARGEST_DATAGRAM (128 * 1024)
#define LONGEST_TURN_US 5000

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Grows a buffer; CAP_NET_ADMIN of the first user namespace passes the limits of net.core.*mem_max. */
static void grow_buffer(int fd, int forced, int limited, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)) != 0)
		setsockopt(fd, SOL_SOCKET, limited, &bytes, sizeof(bytes));
}

static int configure(int fd, int receive_bytes, int send_bytes)
{
	static const int options[] = {NETLINK_NO_ENOBUFS, NETLINK_EXT_ACK, NETLINK_CAP_ACK};
	struct sockaddr_nl any = {.nl_family = AF_NETLINK};
	int on = 1;

	for (size_t index = 0; index < LENGTH(options); index++)
		if (setsockopt(fd, SOL_NETLINK, options[index], &on, sizeof(on)) != 0)
			return -1;
	grow_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, receive_bytes);
	grow_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, send_bytes);
	return bind(fd, (struct sockaddr *)&any, sizeof(any));
}

/* netlinkOpen(protocol, receiveBytes, sendBytes): fd of a bound socket in the namespace that this thread is in. */
static napi_value netlink_open(napi_env env, napi_callback_info info)
{
	napi_value arguments[3];
	int32_t protocol, receive_bytes, send_bytes;
	int fd;

	if (!read_arguments(env, info, 3, arguments) || !read_int(env, arguments[0], &protocol) ||
	    !read_int(env, arguments[1], &receive_bytes) || !read_int(env, arguments[2], &send_bytes))
		return NULL;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (fd < 0)
		return throw_errno(env, errno, "socket");
	if (configure(fd, receive_bytes, send_bytes) != 0) {
		int error = errno;

		close(fd);
		return throw_errno(env, error, "bind");
	}
	return make_number(env, fd);
}

/* netlinkJoin(fd, group): adds the socket to a multicast group, by its number. */
static napi_value netlink_join(napi_env env, napi_callback_info info)
{
	napi_value arguments[2];
	int32_t fd, group;

	if (!read_arguments(env, info, 2, arguments) || !read_int(env, arguments[0], &fd) ||
	    !read_int(env, arguments[1], &group))
		return NULL;
	if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
		return throw_errno(env, errno, "setsockopt");
	return NULL;
}

bool read_parts(napi_env env, napi_value array, struct iovec *parts, uint32_t *count)
{
	if (napi_get_array_length(env, array, count) != napi_ok || *count == 0 || *count > MOST_PARTS) {
		napi_throw_type_error(env, NULL, "1 to 64 parts were expected");
		return false;
	}
	for (uint32_t index = 0; index < *count; index++) {
		napi_value part;

		if (napi_get_element(env, array, index, &part) != napi_ok ||
		    napi_get_typedarray_info(env, part, NULL, &parts[index].iov_len, &parts[index].iov_base, NULL, NULL) != napi_ok) {
			napi_throw_type_error(env, NULL, "a Uint8Array was expected");
			return false;
		}
	}
	return true;
}

int send_parts(int fd, struct iovec *parts, uint32_t count)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct msghdr message = {.msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = parts, .msg_iovlen = count};
	ssize_t sent;

	do
		sent = sendmsg(fd, &message, 0);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? errno : 0;
}

/* netlinkSend(fd, parts): on this thread. */
static napi_value netlink_send(napi_env env, napi_callback_info info)
{
	napi_value arguments[2];
	int32_t fd;
	uint32_t count;
	struct iovec parts[MOST_PARTS];
	int error;

	if (!read_arguments(env, info, 2, arguments) || !read_int(env, arguments[0], &fd) ||
	    !read_parts(env, arguments[1], parts, &count))
		return NULL;
	error = send_parts(fd, parts, count);
	return error == 0 ? NULL : throw_errno(env, error, "sendmsg");
}

int receive_datagrams(int fd, uint8_t *buffer, size_t length, size_t *filled)
{
	int64_t end = now_us() + LONGEST_TURN_US;

	*filled = 0;
	while (length - *filled >= LARGEST_DATAGRAM && (*filled == 0 || now_us() < end)) {
		struct sockaddr_nl from = {0};
		struct iovec part = {.iov_base = buffer + *filled, .iov_len = length - *filled};
		struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};
		ssize_t got = recvmsg(fd, &message, MSG_TRUNC);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			break;
		if (got < 0)
			return errno;
		if (message.msg_flags & MSG_TRUNC)
			return EMSGSIZE;
		if (from.nl_pid != 0)
			continue;
		while (got % NLMSG_ALIGNTO != 0)
			buffer[*filled + got++] = 0;
		*filled += got;
	}
	return 0;
}

/* netlinkReceive(fd, buffer): on this thread. */
static napi_value netlink_receive(napi_env env, napi_callback_info info)
{
	napi_value arguments[2];
	int32_t fd;
	size_t length, filled;
	void *buffer;
	int error;

	if (!read_arguments(env, info, 2, arguments) || !read_int(env, arguments[0], &fd))
		return NULL;
	CHECK(napi_get_typedarray_info(env, arguments[1], NULL, &length, &buffer, NULL, NULL));
	error = receive_datagrams(fd, buffer, length, &filled);
	return error == 0 ? make_number(env, filled) : throw_errno(env, error, "recvmsg");
}

/* netlinkDrops(fd): how many datagrams the kernel has thrown away because the receive buffer was full. */
static napi_value netlink_drops(napi_env env, napi_callback_info info)
{
	napi_value arguments[1];
	int32_t fd;
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	socklen_t length = sizeof(memory);

	if (!read_arguments(env, info, 1, arguments) || !read_int(env, arguments[0], &fd))
		return NULL;
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) != 0)
		return throw_errno(env, errno, "getsockopt");
	return make_number(env, memory[SK_MEMINFO_DROPS]);
}

/* netlinkPort(fd): the socket's own address, which the kernel chose. */
static napi_value netlink_port(napi_env env, napi_callback_info info)
{
	napi_value arguments[1];
	int32_t fd;
	struct sockaddr_nl own = {0};
	socklen_t length = sizeof(own);

	if (!read_arguments(env, info, 1, arguments) || !read_int(env, arguments[0], &fd))
		return NULL;
	if (getsockname(fd, (struct sockaddr *)&own, &length) != 0)
		return throw_errno(env, errno, "getsockname");
	return make_number(env, own.nl_pid);
}

static napi_value netlink_close(napi_env env, napi_callback_info info)
{
	napi_value arguments[1];
	int32_t fd;

	if (read_arguments(env, info, 1, arguments) && read_int(env, arguments[0], &fd))
		close(fd);
	return NULL;
}

const napi_property_descriptor netlink_functions[] = {
	{"netlinkOpen", NULL, netlink_open, NULL, NULL, NULL, napi_enumerable, NULL},
	{"netlinkJoin", NULL, netlink_join, NULL, NULL, NULL, napi_enumerable, NULL},
	{"netlinkSend", NULL, netlink_send, NULL, NULL, NULL, napi_enumerable, NULL},
	{"netlinkReceive", NULL, netlink_receive, NULL, NULL, NULL, napi_enumerable, NULL},
	{"netlinkDrops", NULL, netlink_drops, NULL, NULL, NULL, napi_enumerable, NULL},
	{"netlinkPort", NULL, netlink_port, NULL, NULL, NULL, napi_enumerable, NULL},
	{"netlinkClose", NULL, netlink_close, NULL, NULL, NULL, napi_enumerable, NULL},
};
const size_t netlink_function_count = LENGTH(netlink_functions);
