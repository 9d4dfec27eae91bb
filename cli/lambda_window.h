/* SPDX-License-Identifier: MPL-2.0 */
/* The events that a long-lived handler has and has not answered, in the order in which it got them.
 * Pure but for memory. */
#ifndef CLI_LAMBDA_WINDOW_H
#define CLI_LAMBDA_WINDOW_H

#include <rentbus/rentbus.h>

#define LAMBDA_WINDOW_MAX 256

struct lambda_item {
    struct rentbus_delivery delivery; /* its numbers alone */
    int64_t taken_at;
    char *line; /* the event as JSON, with its end; owned */
    size_t line_length;
    char *type; /* NUL-terminated, in the same memory */
};

/* Zero it first. The oldest item is items[first]. */
struct lambda_window {
    size_t first;
    size_t count;
    struct lambda_item items[2 * LAMBDA_WINDOW_MAX];
};

/* Adds an event; the caller sees to it that there are no more than LAMBDA_WINDOW_MAX. NULL when out
 * of memory. */
struct lambda_item *lambda_window_add(struct lambda_window *window,
                                      const struct rentbus_delivery *delivery, int64_t now);
/* The item of that seq, or NULL. Good until the next change. */
struct lambda_item *lambda_window_find(struct lambda_window *window, uint64_t seq);
/* Takes the item out and frees what it owns. */
void lambda_window_remove(struct lambda_window *window, struct lambda_item *item);
/* Frees every item. */
void lambda_window_clear(struct lambda_window *window);

#endif
