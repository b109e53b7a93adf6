#pragma once
#include "text.h"

/**
 * Keeps a DEL for the next daemon in `folder`/cni-queue, and writes the file's path into `path`. 0 when it could not be
 * kept, with errno.
 */
int keep(const char *folder, const char *container, const char *interface, const struct text *request, char *path);
