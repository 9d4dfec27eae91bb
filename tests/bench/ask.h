/* SPDX-License-Identifier: MPL-2.0 */
/* One request to a daemon, and its reply. Whatever fails ends the program with a message. */
#ifndef RENTBUS_BENCH_ASK_H
#define RENTBUS_BENCH_ASK_H

#include <sys/types.h>

#include "sdk/protocol/codec.h"
#include "sdk/protocol/types.h"

/* The reply, whatever it says, valid until the next. `socket` is of load_connect(). */
struct rentbus_bytes ask(void *socket, enum rentbus_op op, const void *args);
/* The result into *result by its schema; borrows from the reply. */
void ask_for(void *socket, enum rentbus_op op, const void *args,
             const struct rentbus_schema *schema, void *result);
struct rentbus_stats_result ask_stats(void *socket);
/* Waits until the archive of the daemon, whose process this is, has followed. */
void ask_until_archived(void *socket, pid_t pid);

#endif
