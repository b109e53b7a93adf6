/* Network namespaces: a thread is moved into one, and back before the next line of JavaScript can notice. */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

/*
 * inNamespace(fd, callback): calls `callback` with this thread in the network namespace behind `fd`, and returns
 * what it returned, or lets pass what it threw. A socket keeps the namespace that it was made in.
 */
static napi_value in_namespace(napi_env env, napi_callback_info info)
{
	napi_value arguments[2], receiver, result = NULL;
	int32_t target;
	int home, status;

	if (!read_arguments(env, info, 2, arguments) || !read_int(env, arguments[0], &target))
		return NULL;
	CHECK(napi_get_undefined(env, &receiver));

	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return throw_errno(env, errno, "open");
	if (setns(target, CLONE_NEWNET) != 0) {
		int error = errno;

		close(home);
		return throw_errno(env, error, "setns");
	}

	status = napi_call_function(env, receiver, arguments[1], 0, NULL, &result);

	/* From here on every rule would go to a pod's kernel tables: no process is better than that one. */
	if (setns(home, CLONE_NEWNET) != 0)
		napi_fatal_error("inNamespace", NAPI_AUTO_LENGTH, "cannot return to the own network namespace", NAPI_AUTO_LENGTH);
	close(home);
	return status == napi_ok ? result : NULL;
}

const napi_property_descriptor namespace_functions[] = {
	{"inNamespace", NULL, in_namespace, NULL, NULL, NULL, napi_enumerable, NULL},
};
const size_t namespace_function_count = LENGTH(namespace_functions);
