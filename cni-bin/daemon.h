#pragma once
#include "text.h"

/** How long the daemon may be silent. Runtimes give up after minutes, and a hung plugin blocks their other calls. */
#ifndef ANSWER_SECONDS
#define ANSWER_SECONDS 30
#endif
#define STATUS_SECONDS 5

/**
 * Connects to the daemon's control socket in `folder`, which is not longer than a socket's path may be; -1 when nobody
 * listens there, with errno, or nobody takes the connection for so long.
 */
int reach(const char *folder, int seconds);
/**
 * Sends `request`, JSON, and reads the answer, JSON. Closes the socket. 0 when no whole answer came: the daemon ended, or
 * was silent for too long.
 */
int ask(int daemon, int seconds, const struct text *request, struct text *answer);
