/* SPDX-License-Identifier: MPL-2.0 */
/* The libzmq context of the process: one, made for its first user and ended with its last. Any
 * thread. */
#ifndef RENTBUS_CONTEXT_H
#define RENTBUS_CONTEXT_H

/* The context, to be given back with context_release(); NULL with errno set. */
void *context_acquire(void);
/* Every socket that the caller made with it must be closed. */
void context_release(void);

#endif
