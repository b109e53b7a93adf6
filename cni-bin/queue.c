#include "queue.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** More than a node has pods: who is away for longer than so many DELs has them asked again. */
enum { kept_max = 4096 };

/** FNV-1a: a container's interface has one file, however often its DEL is asked. */
static uint64_t hash(const char *container, const char *interface)
{
	uint64_t value = 0xcbf29ce484222325u;
	for (; *container; container++)
		value = (value ^ (unsigned char)*container) * 0x100000001b3u;
	value = value * 0x100000001b3u; // a zero between the two
	for (; *interface; interface++)
		value = (value ^ (unsigned char)*interface) * 0x100000001b3u;
	return value;
}

static int count(const char *folder)
{
	DIR *list = opendir(folder);
	int entries = 0;
	if (!list)
		return 0;
	for (struct dirent *entry; (entry = readdir(list));)
		entries += entry->d_name[0] != '.';
	closedir(list);
	return entries;
}

static int write_file(const char *path, const struct text *text)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		return 0;
	size_t written = 0;
	while (written < text->length) {
		ssize_t more = write(file, text->bytes + written, text->length - written);
		if (more < 0 && errno != EINTR)
			break;
		written += more > 0 ? more : 0;
	}
	int reason = errno;
	if (close(file) == 0 && written == text->length)
		return 1;
	unlink(path);
	errno = reason;
	return 0;
}

int keep(const char *folder, const char *container, const char *interface, const struct text *request, char *path)
{
	char queue[PATH_MAX], part[PATH_MAX];
	snprintf(queue, sizeof queue, "%.4000s/cni-queue", folder);
	mkdir(folder, 0755);
	if (mkdir(queue, 0700) != 0 && errno != EEXIST)
		return 0;
	if (count(queue) >= kept_max) {
		errno = ENOSPC;
		return 0;
	}
	snprintf(path, PATH_MAX, "%.4050s/%016lx.json", queue, (unsigned long)hash(container, interface));
	snprintf(part, sizeof part, "%.4050s/.%ld", queue, (long)getpid());
	unlink(part); // of a process of this number that was killed
	if (write_file(part, request) && rename(part, path) == 0)
		return 1;
	int reason = errno;
	unlink(part);
	errno = reason;
	return 0;
}
