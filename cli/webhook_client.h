/* SPDX-License-Identifier: MPL-2.0 */
/* Requests to an endpoint, several at a time, beside another loop. One thread. */
#ifndef CLI_WEBHOOK_CLIENT_H
#define CLI_WEBHOOK_CLIENT_H

#include "cli/webhook_answer.h"
#include "cli/webhook_settings.h"

/* What is read of an answer, in bytes: of its header, which is no answer beyond that, and of its
 * body, of which the rest is left. */
#define WEBHOOK_HEAD_MAX 65536
#define WEBHOOK_BODY_MAX 65536

struct webhook_client;
struct webhook_request;

/* `settings` is borrowed until the end. No request takes longer than `timeout_ms`. 0, or a negative
 * errno. */
int webhook_client_open(const struct webhook_settings *settings, uint32_t timeout_ms,
                        struct webhook_client **client) __attribute__((warn_unused_result));
/* Its requests have been destroyed. NULL-safe. */
void webhook_client_destroy(struct webhook_client **client);

/* Polls readable when webhook_client_ready() has something to do. Owned by the client. */
int webhook_client_fd(const struct webhook_client *client);
/* When webhook_client_expire() has something to do, on lambda_loop_now(). */
int64_t webhook_client_due(const struct webhook_client *client);
/* Both do what can be done without waiting: 0, or a negative errno. */
int webhook_client_ready(struct webhook_client *client) __attribute__((warn_unused_result));
int webhook_client_expire(struct webhook_client *client, int64_t now)
    __attribute__((warn_unused_result));
/* The owner of a request that is finished, whose answer can be had, or NULL. */
void *webhook_client_finished(struct webhook_client *client);

/* A place for requests, one after the other. 0, or a negative errno. */
int webhook_request_create(struct webhook_client *client, void *owner,
                           struct webhook_request **request) __attribute__((warn_unused_result));
/* NULL-safe. */
void webhook_request_destroy(struct webhook_request **request);
/* Sends the event `id` with that body, which is given to rentbus_free() in the end, now or when
 * this fails: 0, or a negative errno. `timestamp` is in seconds since 1970. */
int webhook_request_start(struct webhook_request *request, struct rentbus_text id, char *body,
                          int64_t timestamp) __attribute__((warn_unused_result));
/* What came of it; borrowed until the next start. */
const struct webhook_answer *webhook_request_answer(const struct webhook_request *request);
/* Nothing comes of it any more, if it is under way. */
void webhook_request_cancel(struct webhook_request *request);

#endif
