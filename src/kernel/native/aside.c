/*
 * Netlink calls on a thread of Node's pool, each a promise: for requests that the kernel works on for milliseconds,
 * or for which it waits for a lock. The memory that they read or fill must be left alone until the promise settles.
 */
#include "netlink.h"

#include <errno.h>
#include <stdlib.h>

struct aside {
	napi_async_work work;
	napi_deferred deferred;
	napi_ref kept; /* the memory of `parts` or `buffer` lives as long as what JavaScript passed */
	int32_t fd;
	struct iovec parts[MOST_PARTS]; /* to be sent, or the one to be filled */
	uint32_t count;
	size_t filled;
	int error;
	const char *syscall;
};

static void send_execute(napi_env env, void *data)
{
	struct aside *aside = data;

	(void)env;
	aside->error = send_parts(aside->fd, aside->parts, aside->count);
}

static void receive_execute(napi_env env, void *data)
{
	struct aside *aside = data;

	(void)env;
	aside->error = receive_datagrams(aside->fd, aside->parts[0].iov_base, aside->parts[0].iov_len, &aside->filled);
}

/* On the loop's thread again: the promise is resolved with the bytes that were filled in, or rejected. */
static void complete(napi_env env, napi_status status, void *data)
{
	struct aside *aside = data;
	napi_value value = NULL;

	if (status != napi_ok)
		aside->error = ECANCELED;
	if (aside->error == 0) {
		value = make_number(env, aside->filled);
		if (value != NULL)
			napi_resolve_deferred(env, aside->deferred, value);
	} else {
		throw_errno(env, aside->error, aside->syscall);
		if (napi_get_and_clear_last_exception(env, &value) == napi_ok)
			napi_reject_deferred(env, aside->deferred, value);
	}
	napi_delete_reference(env, aside->kept);
	napi_delete_async_work(env, aside->work);
	free(aside);
}

static napi_status queue(napi_env env, struct aside *aside, napi_async_execute_callback execute, napi_value kept,
			 napi_value *promise)
{
	napi_value name;
	napi_status status = napi_create_string_utf8(env, "fairlead:netlink", NAPI_AUTO_LENGTH, &name);

	if (status == napi_ok)
		status = napi_create_async_work(env, NULL, name, execute, complete, aside, &aside->work);
	if (status == napi_ok)
		status = napi_create_reference(env, kept, 1, &aside->kept);
	if (status == napi_ok)
		status = napi_create_promise(env, &aside->deferred, promise);
	if (status == napi_ok)
		status = napi_queue_async_work(env, aside->work);
	return status;
}

/* netlinkSendAside(fd, parts): netlinkSend on another thread. */
static napi_value netlink_send_aside(napi_env env, napi_callback_info info)
{
	napi_value arguments[2], promise = NULL;
	struct aside *aside = calloc(1, sizeof(*aside));

	if (aside == NULL)
		return throw_errno(env, ENOMEM, "calloc");
	aside->syscall = "sendmsg";
	if (!read_arguments(env, info, 2, arguments) || !read_int(env, arguments[0], &aside->fd) ||
	    !read_parts(env, arguments[1], aside->parts, &aside->count) ||
	    queue(env, aside, send_execute, arguments[1], &promise) != napi_ok) {
		free(aside);
		return NULL;
	}
	return promise;
}

/* netlinkReceiveAside(fd, buffer): netlinkReceive on another thread. */
static napi_value netlink_receive_aside(napi_env env, napi_callback_info info)
{
	napi_value arguments[2], promise = NULL;
	struct aside *aside = calloc(1, sizeof(*aside));
	struct iovec *part;

	if (aside == NULL)
		return throw_errno(env, ENOMEM, "calloc");
	aside->syscall = "recvmsg";
	part = &aside->parts[0];
	if (!read_arguments(env, info, 2, arguments) || !read_int(env, arguments[0], &aside->fd) ||
	    napi_get_typedarray_info(env, arguments[1], NULL, &part->iov_len, &part->iov_base, NULL, NULL) != napi_ok ||
	    queue(env, aside, receive_execute, arguments[1], &promise) != napi_ok) {
		free(aside);
		return NULL;
	}
	return promise;
}

const napi_property_descriptor aside_functions[] = {
	{"netlinkSendAside", NULL, netlink_send_aside, NULL, NULL, NULL, napi_enumerable, NULL},
	{"netlinkReceiveAside", NULL, netlink_receive_aside, NULL, NULL, NULL, napi_enumerable, NULL},
};
const size_t aside_function_count = LENGTH(aside_functions);
