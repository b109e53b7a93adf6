/* Who is at the other end of a unix socket, in the kernel's words: no program can say it is another. */
#include "addon.h"

#include <errno.h>
#include <sys/socket.h>

/* peerCredentials(fd): pid, uid and gid of the process that connected, or listened, as of that moment. */
static napi_value peer_credentials(napi_env env, napi_callback_info info)
{
	napi_value arguments[1], credentials, number;
	struct ucred peer;
	socklen_t length = sizeof(peer);
	int32_t fd;

	if (!read_arguments(env, info, 1, arguments) || !read_int(env, arguments[0], &fd))
		return NULL;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
		return throw_errno(env, errno, "getsockopt");

	CHECK(napi_create_object(env, &credentials));
	if (!(number = make_number(env, peer.pid)))
		return NULL;
	CHECK(napi_set_named_property(env, credentials, "pid", number));
	if (!(number = make_number(env, peer.uid)))
		return NULL;
	CHECK(napi_set_named_property(env, credentials, "uid", number));
	if (!(number = make_number(env, peer.gid)))
		return NULL;
	CHECK(napi_set_named_property(env, credentials, "gid", number));
	return credentials;
}

const napi_property_descriptor peer_functions[] = {
	{"peerCredentials", NULL, peer_credentials, NULL, NULL, NULL, napi_enumerable, NULL},
};
const size_t peer_function_count = LENGTH(peer_functions);
