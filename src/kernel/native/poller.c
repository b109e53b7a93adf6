/*
 * One thread for all sockets that wait to become readable. It reads nothing: it tells JavaScript the socket's token,
 * and stays silent about it until the socket is armed again, so that a flood of messages cannot flood the loop.
 */
#include "addon.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* No socket has this token: it is the thread's own call to end. */
#define STOP 0

struct poller {
	int epoll;
	int stop;
	pthread_t thread;
	napi_threadsafe_function notify;
};

/* On the loop's thread: hands the token to JavaScript. */
static void deliver(napi_env env, napi_value callback, void *context, void *data)
{
	napi_value token, receiver;

	(void)context;
	if (env == NULL || napi_create_uint32(env, (uint32_t)(uintptr_t)data, &token) != napi_ok ||
	    napi_get_undefined(env, &receiver) != napi_ok)
		return;
	napi_call_function(env, receiver, callback, 1, &token, NULL);
}

static void *run(void *data)
{
	struct poller *poller = data;
	struct epoll_event events[16];

	for (;;) {
		int count = epoll_wait(poller->epoll, events, LENGTH(events), -1);

		for (int index = 0; index < count; index++) {
			uint32_t token = events[index].data.u32;

			if (token == STOP)
				return NULL;
			napi_call_threadsafe_function(poller->notify, (void *)(uintptr_t)token, napi_tsfn_nonblocking);
		}
	}
}

/* Ends the thread before the environment frees what it calls; hooks run last-added first. */
static void stop(void *data)
{
	struct poller *poller = data;
	uint64_t one = 1;

	if (write(poller->stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(poller->thread, NULL);
	close(poller->stop);
	close(poller->epoll);
	free(poller);
}

static int start(struct poller *poller)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = STOP};

	poller->epoll = epoll_create1(EPOLL_CLOEXEC);
	poller->stop = eventfd(0, EFD_CLOEXEC);
	if (poller->epoll < 0 || poller->stop < 0 || epoll_ctl(poller->epoll, EPOLL_CTL_ADD, poller->stop, &event) != 0)
		return errno;
	return pthread_create(&poller->thread, NULL, run, poller);
}

/* pollerStart(callback): starts the thread; `callback(token)` is called for each armed socket that can be read. */
static napi_value poller_start(napi_env env, napi_callback_info info)
{
	napi_value arguments[1], name;
	struct poller *poller;
	int error;

	if (!read_arguments(env, info, 1, arguments))
		return NULL;
	CHECK(napi_create_string_utf8(env, "fairlead:poller", NAPI_AUTO_LENGTH, &name));
	poller = calloc(1, sizeof(*poller));
	if (poller == NULL)
		return throw_errno(env, ENOMEM, "calloc");
	if (napi_create_threadsafe_function(env, arguments[0], NULL, name, 0, 1, NULL, NULL, NULL, deliver,
					    &poller->notify) != napi_ok) {
		free(poller);
		return NULL;
	}
	CHECK(napi_unref_threadsafe_function(env, poller->notify));
	error = start(poller);
	if (error != 0)
		return throw_errno(env, error, "epoll_ctl");
	CHECK(napi_add_env_cleanup_hook(env, stop, poller));
	CHECK(napi_set_instance_data(env, poller, NULL, NULL));
	return NULL;
}

static struct poller *started(napi_env env)
{
	void *poller = NULL;

	if (napi_get_instance_data(env, &poller) != napi_ok || poller == NULL)
		napi_throw_error(env, NULL, "the poller was not started");
	return poller;
}

/* pollerArm(fd, token): the callback is called once, when `fd` can be read or has failed; at once if it can already. */
static napi_value poller_arm(napi_env env, napi_callback_info info)
{
	napi_value arguments[2];
	int32_t fd, token;
	struct poller *poller = started(env);
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};

	if (poller == NULL || !read_arguments(env, info, 2, arguments) || !read_int(env, arguments[0], &fd) ||
	    !read_int(env, arguments[1], &token))
		return NULL;
	event.data.u32 = (uint32_t)token;
	if (epoll_ctl(poller->epoll, EPOLL_CTL_MOD, fd, &event) != 0 &&
	    (errno != ENOENT || epoll_ctl(poller->epoll, EPOLL_CTL_ADD, fd, &event) != 0))
		return throw_errno(env, errno, "epoll_ctl");
	return NULL;
}

/* pollerHold(hold): whether the poller keeps the process alive, as a listening server does. */
static napi_value poller_hold(napi_env env, napi_callback_info info)
{
	napi_value arguments[1];
	bool hold = false;
	struct poller *poller = started(env);

	if (poller == NULL || !read_arguments(env, info, 1, arguments))
		return NULL;
	CHECK(napi_get_value_bool(env, arguments[0], &hold));
	if (hold)
		CHECK(napi_ref_threadsafe_function(env, poller->notify));
	else
		CHECK(napi_unref_threadsafe_function(env, poller->notify));
	return NULL;
}

const napi_property_descriptor poller_functions[] = {
	{"pollerStart", NULL, poller_start, NULL, NULL, NULL, napi_enumerable, NULL},
	{"pollerArm", NULL, poller_arm, NULL, NULL, NULL, napi_enumerable, NULL},
	{"pollerHold", NULL, poller_hold, NULL, NULL, NULL, napi_enumerable, NULL},
};
const size_t poller_function_count = LENGTH(poller_functions);
