// fairlead-cni: the CNI plugin that a container runtime calls. It carries environment and stdin to the daemon's control
// socket and prints the answer; README.md says what happens when no daemon answers.
#include "daemon.h"
#include "queue.h"
#include "text.h"
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/** Numbers of errors. Source: CNI SPEC.md, section 5, Error */
enum { invalid_environment = 4, io_failure = 5, decoding_failure = 6, try_again = 11, not_available = 50 };

/** As the daemon bounds a request, with room for the rest of it. Source: src/control/protocol.ts, requestBytesMax */
enum { request_bytes_max = 1 << 20 };

#define VERSIONS "\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\""

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value ? value : "";
}

/** The version to answer in: the configuration's where it is one that is spoken. */
static const char *version_of(const struct text *config)
{
	static char version[16];
	char quoted[20];
	if (!find_member(config->bytes, config->length, "cniVersion", version, sizeof version))
		return "1.1.0";
	snprintf(quoted, sizeof quoted, "\"%s\"", version);
	return strstr(VERSIONS, quoted) ? version : "1.1.0";
}

static void print(const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t printed = write(STDOUT_FILENO, bytes, length);
		if (printed < 0 && errno != EINTR)
			err(1, "cannot print the answer");
		bytes += printed > 0 ? printed : 0;
		length -= printed > 0 ? printed : 0;
	}
}

/** Prints an error as the specification has it, and returns the exit code. */
static int fail(const struct text *config, int code, const char *message, const char *details, size_t length)
{
	struct text answer = {0};
	char head[64];
	snprintf(head, sizeof head, "{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":", version_of(config), code);
	append_string(&answer, head);
	append_json(&answer, message, strlen(message));
	append_string(&answer, ",\"details\":");
	append_json(&answer, details, length);
	append_string(&answer, "}\n");
	print(answer.bytes, answer.length);
	return 1;
}

/** Prints what the daemon answered, and returns the exit code; -1 when it is not as this program knows it. */
static int tell(const struct text *config, const struct text *answer)
{
	// a refusal before the request was read has the id 0
	static const char result[] = "{\"id\":1,\"result\":{\"exitCode\":", output[] = ",\"output\":", end[] = "}}",
			  refusal[] = "{\"id\":1,\"error\":", unread[] = "{\"id\":0,\"error\":";
	struct text text = *answer;
	append(&text, "", 1);
	const char *last = text.bytes + answer->length;
	if (strncmp(text.bytes, refusal, sizeof refusal - 1) == 0 || strncmp(text.bytes, unread, sizeof unread - 1) == 0) {
		const char *error = text.bytes + sizeof refusal - 1;
		const char *message = "cannot be served by the daemon: it refused to answer";
		return fail(config, try_again, message, error, last - error - 1);
	}
	if (strncmp(text.bytes, result, sizeof result - 1) != 0 || last - text.bytes < (long)(sizeof result + sizeof end))
		return -1;
	char *at;
	long code = strtol(text.bytes + sizeof result - 1, &at, 10);
	if (strncmp(at, output, sizeof output - 1) != 0 || strcmp(last - (sizeof end - 1), end) != 0)
		return -1;
	at += sizeof output - 1;
	size_t length = last - (sizeof end - 1) - at;
	if (length != 4 || memcmp(at, "null", 4) != 0) {
		print(at, length);
		print("\n", 1);
	}
	return code;
}

static int read_config(struct text *config)
{
	char piece[16384];
	for (ssize_t came; (came = read(STDIN_FILENO, piece, sizeof piece)) != 0;) {
		if (came < 0 && errno != EINTR)
			return io_failure;
		append(config, piece, came > 0 ? came : 0);
		if (config->length > request_bytes_max)
			return decoding_failure;
	}
	return 0;
}

/** Writes the request for the daemon; 0 when it would not be JSON, or be longer than the daemon takes. */
static int write_request(struct text *request, const struct text *config)
{
	append_string(request, "{\"id\":1,\"protocol\":1,\"verb\":\"cni\",\"env\":{");
	int first = 1;
	for (char **entry = environ; *entry; entry++) {
		const char *equals = strchr(*entry, '=');
		if (strncmp(*entry, "CNI_", 4) != 0 || !equals)
			continue;
		append_string(request, first ? "" : ",");
		append_json(request, *entry, equals - *entry);
		append_string(request, ":");
		append_json(request, equals + 1, strlen(equals + 1));
		first = 0;
	}
	append_string(request, "},\"config\":");
	append_json(request, config->bytes, config->length);
	append_string(request, "}");
	return request->length <= request_bytes_max && is_utf8(request->bytes, request->length);
}

/** Keeps a DEL for the next daemon; should one have come meanwhile, it is asked: it may have looked before the file was there. */
static int keep_delete(const char *folder, const struct text *config, const struct text *request)
{
	char path[PATH_MAX];
	const char *container = variable("CNI_CONTAINERID"), *interface = variable("CNI_IFNAME");
	if (!*container || !*interface) {
		const char *message = "cannot delete without CNI_CONTAINERID and CNI_IFNAME";
		return fail(config, invalid_environment, message, "", 0);
	}
	if (!keep(folder, container, interface, request, path)) {
		const char *reason = strerror(errno);
		const char *message = "cannot keep the DEL for the daemon, which does not answer";
		return fail(config, try_again, message, reason, strlen(reason));
	}
	struct text answer = {0};
	int daemon = reach(folder, STATUS_SECONDS);
	if (daemon < 0 || !ask(daemon, STATUS_SECONDS, request, &answer))
		return 0;
	int code = tell(config, &answer);
	if (code == 0)
		unlink(path);
	return code < 0 ? 0 : code;
}

static int unanswered(const char *verb, const char *folder, const struct text *config, const struct text *request)
{
	const char *details = "Fairlead's daemon does not answer at its control socket; `kubectl -n kube-system get pods -l "
			      "k8s-app=fairlead` shows whether it runs on this node";
	if (strcmp(verb, "DEL") == 0)
		return keep_delete(folder, config, request);
	if (strcmp(verb, "STATUS") == 0)
		return fail(config, not_available, "cannot attach pods: the daemon does not answer", details, strlen(details));
	return fail(config, try_again, "cannot reach the daemon", details, strlen(details));
}

int main(void)
{
	const char *verb = variable("CNI_COMMAND");
	char folder[PATH_MAX];
	struct text config = {0}, request = {0}, answer = {0};
	if (!*verb) {
		fprintf(stderr, "fairlead-cni %s: the CNI plugin of Fairlead, for versions 0.3.1 to 1.1.0\n", FAIRLEAD_VERSION);
		return 0;
	}
	int failed = read_config(&config);
	if (strcmp(verb, "VERSION") == 0) {
		printf("{\"cniVersion\":\"%s\",\"supportedVersions\":[" VERSIONS "]}\n", version_of(&config));
		return fflush(stdout) ? 1 : 0;
	}
	if (failed || !write_request(&request, &config)) {
		const char *message = failed == io_failure ? "cannot read the network configuration"
							   : "cannot take the network configuration";
		const char *details = "it comes on stdin, as less than 1 MiB of JSON in UTF-8";
		return fail(&config, failed == io_failure ? io_failure : decoding_failure, message, details, strlen(details));
	}
	if (!find_member(config.bytes, config.length, "stateDir", folder, sizeof folder))
		strcpy(folder, "/run/fairlead");
	// a runtime asks for STATUS every few seconds, and waits for it before it asks for anything else
	int seconds = strcmp(verb, "STATUS") == 0 && STATUS_SECONDS < ANSWER_SECONDS ? STATUS_SECONDS : ANSWER_SECONDS;
	int daemon = reach(folder, seconds);
	int code = daemon >= 0 && ask(daemon, seconds, &request, &answer) ? tell(&config, &answer) : -1;
	return code < 0 ? unanswered(verb, folder, &config, &request) : code;
}
