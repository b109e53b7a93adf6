// What `npm run bench -- cni` measures with: it calls a CNI plugin as a container runtime does, without a runtime's own
// time. A call is timed from its start to the end of its process.
//
//   cni make COUNT                                        makes namespaces /run/netns/bench-0 and up
//   cni one VERB PLUGIN CONFIG FROM TO                    a call for each of them, one after the other, with a rest of
//                                                         5 ms, so that none pays for what the kernel still does
//   cni all VERB PLUGIN CONFIG FROM TO                    all of them at once
//
// Prints a line for each call, its nanoseconds; `one DEL` a second number, until its link was gone; `all` a last line
// with the nanoseconds from the first start to the last end, for DEL until all links were gone. CONFIG is a file.
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { calls_max = 4096, patience_seconds = 10, rest_us = 5000 };

struct call {
	pid_t pid;
	uint64_t began, took;
};

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void make(int count)
{
	mkdir("/run/netns", 0755);
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	for (int index = 0; index < count; index++) {
		char path[PATH_MAX];
		snprintf(path, sizeof path, "/run/netns/bench-%d", index);
		close(open(path, O_CREAT | O_EXCL | O_CLOEXEC, 0444));
		if (unshare(CLONE_NEWNET) || mount("/proc/self/ns/net", path, "none", MS_BIND, NULL) || setns(own, CLONE_NEWNET))
			err(1, "cannot make %s", path);
	}
}

/** Interfaces of this namespace: lines of the list, two of which are its head. */
static int links(void)
{
	FILE *list = fopen("/proc/net/dev", "re");
	if (!list)
		err(1, "cannot read /proc/net/dev");
	int lines = 0;
	for (int letter; (letter = getc(list)) != EOF;)
		lines += letter == '\n';
	fclose(list);
	return lines - 2;
}

static uint64_t await_links(int count, uint64_t began)
{
	while (links() > count)
		if (now() - began > patience_seconds * 1000000000ull)
			errx(1, "%d links stayed, not %d", links(), count);
	return now() - began;
}

static void start(struct call *call, const char *verb, char *plugin, const char *config, int index)
{
	char words[6][PATH_MAX];
	snprintf(words[0], PATH_MAX, "CNI_COMMAND=%s", verb);
	snprintf(words[1], PATH_MAX, "CNI_CONTAINERID=bench-%d", index);
	snprintf(words[2], PATH_MAX, "CNI_NETNS=/run/netns/bench-%d", index);
	snprintf(words[3], PATH_MAX, "CNI_IFNAME=eth0");
	snprintf(words[4], PATH_MAX, "CNI_PATH=%.*s", (int)(strrchr(plugin, '/') - plugin), plugin);
	snprintf(words[5], PATH_MAX, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	char *environment[] = {words[0], words[1], words[2], words[3], words[4], words[5], NULL};
	char *arguments[] = {plugin, NULL};
	posix_spawn_file_actions_t files;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, config, O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/run/bench-answer", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	call->began = now();
	int failed = posix_spawn(&call->pid, plugin, &files, NULL, arguments, environment);
	if (failed)
		errx(1, "cannot start %s: %s", plugin, strerror(failed));
	posix_spawn_file_actions_destroy(&files);
}

static void check(int status, const char *verb)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	char answer[4096] = "";
	FILE *file = fopen("/run/bench-answer", "re");
	if (file)
		answer[fread(answer, 1, sizeof answer - 1, file)] = '\0';
	errx(1, "%s failed with %x: %s", verb, status, answer);
}

static void one(const char *verb, char *plugin, const char *config, int from, int to)
{
	for (int index = from; index < to; index++) {
		struct call call;
		int before = links(), status;
		start(&call, verb, plugin, config, index);
		waitpid(call.pid, &status, 0);
		call.took = now() - call.began;
		check(status, verb);
		if (strcmp(verb, "DEL") == 0)
			printf("%lu %lu\n", call.took, await_links(before - 1, call.began + call.took));
		else
			printf("%lu\n", call.took);
		usleep(rest_us);
	}
}

static void all(const char *verb, char *plugin, const char *config, int from, int to)
{
	static struct call calls[calls_max];
	int count = to - from, before = links();
	uint64_t began = now();
	for (int index = 0; index < count; index++)
		start(&calls[index], verb, plugin, config, from + index);
	for (int ended = 0; ended < count; ended++) {
		int status;
		pid_t pid = wait(&status);
		for (int index = 0; index < count; index++)
			if (calls[index].pid == pid)
				calls[index].took = now() - calls[index].began;
		check(status, verb);
	}
	uint64_t took = now() - began;
	for (int index = 0; index < count; index++)
		printf("%lu\n", calls[index].took);
	int isDelete = strcmp(verb, "DEL") == 0;
	printf("%lu %lu\n", took, isDelete ? await_links(before - count, began + took) : 0);
}

int main(int count, char **words)
{
	if (count == 3 && strcmp(words[1], "make") == 0) {
		make(atoi(words[2]));
	} else if (count == 7 && atoi(words[6]) - atoi(words[5]) <= calls_max) {
		void (*measure)(const char *, char *, const char *, int, int) = strcmp(words[1], "one") == 0 ? one : all;
		measure(words[2], words[3], words[4], atoi(words[5]), atoi(words[6]));
	} else {
		errx(2, "usage: cni make COUNT | one|all VERB PLUGIN CONFIG FROM TO");
	}
	return fflush(stdout) ? 1 : 0;
}
