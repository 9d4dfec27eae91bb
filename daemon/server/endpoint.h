/* SPDX-License-Identifier: MPL-2.0 */
/* The addresses that the daemon listens on, and the locks that keep a second daemon off them. */
#ifndef RENTBUS_SERVER_ENDPOINT_H
#define RENTBUS_SERVER_ENDPOINT_H

#include "sdk/protocol/fault.h"

/* Binds a libzmq socket. For ipc it takes a lock beside the path first, since libzmq would take the
 * path from a live daemon; *lock_fd holds it, -1 for tcp, and is the caller's to close after the
 * socket. The socket file can be used by owner and group. 0; UNAVAILABLE with *fault when somebody
 * else listens there; -errno. */
int endpoint_bind(void *socket, const char *endpoint, int *lock_fd, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* Removes the socket file of an endpoint that was bound, whose socket is closed, and gives the lock
 * back. Nothing for one that was not, nor for tcp. */
void endpoint_release(const char *endpoint, int *lock_fd);

/* Takes an exclusive lock on a file, made if need be. As endpoint_bind(). */
int endpoint_lock(const char *path, int *lock_fd, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

#endif
