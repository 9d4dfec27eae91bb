/* SPDX-License-Identifier: MPL-2.0 */
/* Request bodies, and queries beside them, as the arguments of operations. Every byte is hostile.
 *
 * *storage holds what the texts of the arguments point into: give it to rentbus_free() when done.
 * An empty body counts as {}. Results: 0, an error code with *fault, or -ENOMEM. */
#ifndef RENTBUS_HTTP_BODY_H
#define RENTBUS_HTTP_BODY_H

#include <rentbus/rentbus.h>

/* Bytes of a request's body, and of one of many commands or events. */
#define HTTP_BODY_MAX ((size_t)64 << 10)
#define HTTP_BATCH_MAX ((size_t)1 << 20)

/* The body is the struct. */
int http_body_args(const struct rentbus_schema *schema, struct rentbus_text body, void *args,
                   void **storage, struct rentbus_fault *fault) __attribute__((warn_unused_result));

/* The body is the struct but for its `id`, or `rental_id`, which the path gives; one in the body
 * must be the same. `id` must live as long as *args. */
int http_body_with_id(const struct rentbus_schema *schema, struct rentbus_text id,
                      struct rentbus_text body, void *args, void **storage,
                      struct rentbus_fault *fault) __attribute__((warn_unused_result));

/* {"return_date"?, "location_id"?, "dry_run"?, "override"?, "device_id"?, "device_seq"?,
 * "clock_offset_ms"?}: a return of one rental, at `now` unless the body says when. */
extern const struct rentbus_schema http_return_schema;
int http_body_return(struct rentbus_text rental_id, int64_t now, struct rentbus_text body,
                     struct rentbus_return_args *args, void **storage, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* {"atomic"?, "commands": [{"op", "args", "id"?}]}: a command without an id gets a fresh one of the
 * client. Each command is left to the daemon to check. */
int http_body_batch(struct rentbus_text body, struct rentbus_client *client,
                    struct rentbus_batch_args *args, void **storage, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* Reads `?dry_run=true`, all that the query of a command may say, into the arguments of a schema
 * that has a `dry_run`; when they have one already it must be the same. Decodes `query`, which may
 * be NULL, in place. 0, or INVALID_ARGUMENT with *fault. */
int http_body_dry_run(const struct rentbus_schema *schema, char *query, void *args,
                      struct rentbus_fault *fault) __attribute__((warn_unused_result));

#endif
