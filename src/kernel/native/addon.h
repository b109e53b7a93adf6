/* What the files of the addon share. Every function here runs on the thread of one JavaScript environment. */
#ifndef FAIRLEAD_ADDON_H
#define FAIRLEAD_ADDON_H

#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>

/* Returns from the calling function when an N-API call failed; the exception it left is already pending. */
#define CHECK(call)                        \
	do {                               \
		if ((call) != napi_ok)     \
			return NULL;       \
	} while (0)

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Leaves a pending Error with `errno` (positive number) and `syscall`; returns NULL, to be returned on. */
napi_value throw_errno(napi_env env, int error, const char *syscall);

/* Reads exactly `count` arguments; false, with a TypeError pending, when the caller passed fewer. */
bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *into);

bool read_int(napi_env env, napi_value value, int32_t *into);
napi_value make_number(napi_env env, double value);

/* One table per file: its functions, by the name that TypeScript calls them. */
extern const napi_property_descriptor netlink_functions[];
extern const size_t netlink_function_count;
extern const napi_property_descriptor aside_functions[];
extern const size_t aside_function_count;
extern const napi_property_descriptor namespace_functions[];
extern const size_t namespace_function_count;
extern const napi_property_descriptor poller_functions[];
extern const size_t poller_function_count;
extern const napi_property_descriptor peer_functions[];
extern const size_t peer_function_count;

#endif
