/* SPDX-License-Identifier: MPL-2.0 */
/* Request bodies as the arguments of operations. Pure; every byte is hostile.
 *
 * *storage holds what the texts of the arguments point into: give it to rentbus_free() when done.
 * An empty body counts as {}. Results: 0, an error code with *fault, or -ENOMEM. */
#ifndef RENTBUS_HTTP_BODY_H
#define RENTBUS_HTTP_BODY_H

#include <rentbus/rentbus.h>

/* Bytes of a request's body. */
#define HTTP_BODY_MAX ((size_t)64 << 10)

/* The body is the struct. */
int http_body_args(const struct rentbus_schema *schema, struct rentbus_text body, void *args,
                   void **storage, struct rentbus_fault *fault) __attribute__((warn_unused_result));

/* The body is the struct but for its `id`, which the path gives; an `id` in the body must be the
 * same. `id` must live as long as *args. */
int http_body_put(const struct rentbus_schema *schema, struct rentbus_text id,
                  struct rentbus_text body, void *args, void **storage, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* {"return_date"?, "location_id"?}: a return of one rental, at `now` unless the body says when. */
int http_body_return(struct rentbus_text rental_id, int64_t now, struct rentbus_text body,
                     struct rentbus_return_args *args, void **storage, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

#endif
