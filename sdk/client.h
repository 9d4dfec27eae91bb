/* SPDX-License-Identifier: MPL-2.0 */
/* A client from inside: what client.c, engine.c and subscriber.c know of it. One thread. */
#ifndef RENTBUS_CLIENT_H
#define RENTBUS_CLIENT_H

#include "sdk/call.h"
#include "sdk/channel.h"
#include "sdk/wake.h"

struct rentbus_client {
    struct channel channel;
    struct wake wake;
    struct call_table calls;
    size_t in_flight_max;
    bool gather;     /* what is started is left for the next turn */
    int64_t timeout; /* microseconds */
    int64_t retry;
    int64_t next_due; /* no call is due earlier */
    int64_t heard_at; /* when this connection was made, or brought its last reply */
    bool inside;      /* in a callback, or on the way to one */
    bool closing;
    uint32_t ended_resends; /* how often the call was sent again whose callback runs */
    bool work_left;         /* the socket's descriptor may not tell of what is there already */
    struct rentbus_uuid_source ids;
    struct rentbus_fault fault;
    void *args;                    /* that are checked, for the moment */
    void *value;                   /* the result at hand */
    struct rentbus_buffer scratch; /* of the reply at hand */
    struct rentbus_buffer held;    /* what the last rentbus_call() gave points into */
};

/* ---- engine.c ---- */

/* Everything that is due now, without waiting. The number of calls completed, or a negative errno.
 */
int engine_turn(struct rentbus_client *client) __attribute__((warn_unused_result));
/* Waits until there is something to do, at most until `limit`: 0, or -EINTR. */
int engine_wait(const struct rentbus_client *client, int64_t limit)
    __attribute__((warn_unused_result));
/* Tells the client's descriptor what is left to do: before each return to the user. */
void engine_settle(struct rentbus_client *client);
/* Starts a call past the limit of calls in flight. As rentbus_call_start(). */
int engine_start(struct rentbus_client *client, enum rentbus_op op,
                 const struct rentbus_uuid *command_id, const void *args, rentbus_completed *done,
                 void *context) __attribute__((warn_unused_result));
/* Completes every call with -ECANCELED. */
void engine_cancel(struct rentbus_client *client);

#endif
