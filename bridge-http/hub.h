/* SPDX-License-Identifier: MPL-2.0 */
/* What hub.c and stream.c know of each other; everybody else includes stream.h. */
#ifndef RENTBUS_HTTP_HUB_H
#define RENTBUS_HTTP_HUB_H

#include "bridge-http/stream.h"

struct http_stream {
    struct http_hub *hub;
    struct MHD_Connection *connection;
    struct http_stream *previous, *next; /* the hub's list */
    int64_t written_ms;
    uint64_t next_seq; /* the event that it gets next; until from_now is settled, the ring's */
    int64_t since;     /* its first page is to begin there */
    struct http_chunk *chunk;
    size_t offset;           /* what of `chunk` has been written */
    struct http_chunk *page; /* comes behind `chunk` */
    bool from_now;           /* a hello is to say where it begins */
    bool has_since;
    bool suspended;
    bool turn;   /* it may take events from the ring: as many as there are, once */
    bool paging; /* a page of history has been asked for */
    bool beat;   /* a heartbeat is due */
    bool failed; /* ends with an error, and the client comes back with Last-Event-ID */
    bool gone;   /* the connection is; free it when the page comes */
    size_t type_count;
    struct rentbus_text types[]; /* none: every type; their bytes follow */
};

/* Lets libmicrohttpd ask for more to write. */
void http_stream_resume(struct http_stream *stream);
/* Whether there is anything to do for it: an event in the ring that it wants, or history to read.
 * Passes over the events that it does not want. */
bool http_stream_ready(struct http_stream *stream);

/* The list of streams. */
void http_hub_add(struct http_hub *hub, struct http_stream *stream);
void http_hub_remove(struct http_hub *hub, struct http_stream *stream);
/* Begins behind `head`, unless it has begun. 0, or -errno of opening the subscriber. */
int http_hub_start(struct http_hub *hub, uint64_t head) __attribute__((warn_unused_result));
/* The daemon has another ledger now, or an older state of this one: what we know of it is void.
 * Ends every stream; their clients come back with Last-Event-ID. */
void http_hub_forget(struct http_hub *hub);

#endif
