/* The addon's entry: the few system calls that Node does not offer, and nothing else. */
#include "addon.h"

#include <stdio.h>
#include <string.h>

napi_value throw_errno(napi_env env, int error, const char *syscall)
{
	char text[160];
	napi_value message, name, number, exception;

	snprintf(text, sizeof(text), "%s: %s", syscall, strerror(error));
	CHECK(napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message));
	CHECK(napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &name));
	CHECK(napi_create_int32(env, error, &number));
	CHECK(napi_create_error(env, NULL, message, &exception));
	CHECK(napi_set_named_property(env, exception, "errno", number));
	CHECK(napi_set_named_property(env, exception, "syscall", name));
	napi_throw(env, exception);
	return NULL;
}

bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *into)
{
	size_t passed = count;

	if (napi_get_cb_info(env, info, &passed, into, NULL, NULL) != napi_ok)
		return false;
	if (passed < count) {
		napi_throw_type_error(env, NULL, "too few arguments");
		return false;
	}
	return true;
}

bool read_int(napi_env env, napi_value value, int32_t *into)
{
	if (napi_get_value_int32(env, value, into) == napi_ok)
		return true;
	napi_throw_type_error(env, NULL, "an integer was expected");
	return false;
}

napi_value make_number(napi_env env, double value)
{
	napi_value number;

	CHECK(napi_create_double(env, value, &number));
	return number;
}

NAPI_MODULE_INIT()
{
	CHECK(napi_define_properties(env, exports, netlink_function_count, netlink_functions));
	CHECK(napi_define_properties(env, exports, aside_function_count, aside_functions));
	CHECK(napi_define_properties(env, exports, namespace_function_count, namespace_functions));
	CHECK(napi_define_properties(env, exports, poller_function_count, poller_functions));
	CHECK(napi_define_properties(env, exports, peer_function_count, peer_functions));
	return exports;
}
