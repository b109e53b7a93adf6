/* What netlink.c and aside.c share: the same two system calls, on the loop's thread and on one of Node's pool. */
#ifndef FAIRLEAD_NETLINK_H
#define FAIRLEAD_NETLINK_H

#include "addon.h"

#include <stddef.h>
#include <sys/uio.h>

#define MOST_PARTS 64

/* The memory behind an array of Uint8Arrays; false, with a TypeError pending, when it is none. */
bool read_parts(napi_env env, napi_value array, struct iovec *parts, uint32_t *count);

/* Sends all parts as one datagram to the kernel, which has worked it off on return; 0 or an errno. */
int send_parts(int fd, struct iovec *parts, uint32_t count);

/*
 * Fills `buffer` with waiting datagrams, each begun at a multiple of 4; `filled` is 0 when nothing waits. Stops when
 * the next datagram might not fit, or after some milliseconds: each read of a dump makes the kernel walk on through a
 * table, a large set from its first element. Datagrams of other processes are left out: any of them may write to our
 * port. Returns 0 or an errno (ENOBUFS: the kernel had no memory for an answer); what was read before it is lost: the
 * caller has to ask anew in any case.
 */
int receive_datagrams(int fd, uint8_t *buffer, size_t length, size_t *filled);

#endif
