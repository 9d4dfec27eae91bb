/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The operations: a request's bytes in, exactly one reply out, now or when the engine says that
 * what it reports is durable. One thread owns an api, the one that owns the engine.
 */
#ifndef RENTBUS_API_API_H
#define RENTBUS_API_API_H

#include "daemon/api/access.h"
#include "daemon/engine/engine.h"

/* A message over this size in bytes is answered TOO_LARGE: a batch of the longest commands fits. */
#define API_REQUEST_MAX (6 << 20)
#define API_BUSY_RETRY_MS 50
/* Items in one page of a list or of events, and what a request gets that names no limit. */
#define API_PAGE_MAX 1000
#define API_PAGE_DEFAULT 100
/* Rentals that one request looks at: a page of few that match ends there, with a cursor. */
#define API_LOOKED_MAX 20000
/* A page of events is cut behind so many bytes. */
#define API_PAGE_BYTES_MAX (4 << 20)
/* Longest traceparent taken over into events (W3C Trace Context, version 00: 55 characters). */
#define API_TRACEPARENT_MAX 128

struct api;

struct api_settings {
    struct engine_settings engine;
    const struct access *access; /* borrowed; NULL: everybody may do everything */
    /* Sends one reply to the client at the end of `route`, with the next flush at the latest. */
    void (*send)(void *context, struct rentbus_bytes route, struct rentbus_bytes body);
    void (*flush)(void *context); /* NULL: send() does so itself */
    /* The same at once, behind all that was sent before. False when it is known not to arrive. */
    bool (*send_now)(void *context, struct rentbus_bytes route, struct rentbus_bytes body);
    /* As in struct engine_hooks. */
    void (*publish)(void *context, struct rentbus_text type, struct rentbus_bytes event);
    void (*log)(void *context, int priority, const char *pairs);
    /* Microseconds since 1970. */
    int64_t (*now)(void *context);
    void *context;
};

/* Opens the engine and records HELLO_EVENT. Errors as of engine_open(). */
int api_open(const struct api_settings *settings, struct api **api, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* Replies to all that was accepted and closes. NULL-safe. */
void api_close(struct api **api);

struct api_message {
    struct rentbus_bytes route; /* opaque: handed to send() with the reply */
    struct rentbus_bytes actor; /* the principal, as text */
    struct rentbus_bytes body;
};
/* Serves one request. The message is borrowed for the call. */
void api_handle(struct api *api, const struct api_message *message);

/* To be polled readable, and what to do then, after each round of requests, and when the time of
 * api_timer() has come (microseconds since 1970; INT64_MAX: never). */
int api_fd(const struct api *api);
int64_t api_timer(const struct api *api);
void api_process(struct api *api);
/* A round should not go on without api_process(): the disk waits for it. */
bool api_ready(const struct api *api);
/* Instead of waiting: does a little of what is to be done. False: there is nothing. */
bool api_work_ahead(struct api *api);
/* No reply is owed to anybody. */
bool api_idle(const struct api *api);
/* The bus has missed an event: nothing more is to be served. Opened anew it is whole again. */
bool api_broken(const struct api *api);
/* The seq of the last durable event. */
uint64_t api_durable(const struct api *api);

#endif
