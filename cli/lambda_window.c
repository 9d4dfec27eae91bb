/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda_window.h"

#include <stdlib.h>

/* The items move to the front of their array when its end is reached. */
static void window_compact(struct lambda_window *window)
{
    if (window->first + window->count < 2 * LAMBDA_WINDOW_MAX)
        return;
    memmove(window->items, window->items + window->first, window->count * sizeof(*window->items));
    window->first = 0;
}

struct lambda_item *lambda_window_add(struct lambda_window *window,
                                      const struct rentbus_delivery *delivery, int64_t now)
{
    char *json = rentbus_to_json(&rentbus_event_schema, &delivery->event);
    size_t length = json ? strlen(json) : 0;
    size_t type_length = delivery->event.type.length;
    char *line = json ? malloc(length + 1 + type_length + 1) : NULL;
    if (!line) {
        rentbus_free(json);
        return NULL;
    }
    memcpy(line, json, length);
    line[length] = '\n';
    memcpy(line + length + 1, delivery->event.type.data, type_length);
    line[length + 1 + type_length] = '\0';
    rentbus_free(json);
    window_compact(window);
    struct lambda_item *item = &window->items[window->first + window->count++];
    *item = (struct lambda_item){.delivery = *delivery,
                                 .taken_at = now,
                                 .line = line,
                                 .line_length = length + 1,
                                 .type = line + length + 1};
    return item;
}

struct lambda_item *lambda_window_find(struct lambda_window *window, uint64_t seq)
{
    for (size_t i = 0; i < window->count; i++)
        if (window->items[window->first + i].delivery.event.seq == seq)
            return &window->items[window->first + i];
    return NULL;
}

void lambda_window_remove(struct lambda_window *window, struct lambda_item *item)
{
    struct lambda_item *first = &window->items[window->first];
    free(item->line);
    /* Most are answered in their order, so that nothing moves. */
    memmove(first + 1, first, (size_t)(item - first) * sizeof(*item));
    window->first++;
    window->count--;
}

void lambda_window_clear(struct lambda_window *window)
{
    for (size_t i = 0; i < window->count; i++)
        free(window->items[window->first + i].line);
    window->first = 0;
    window->count = 0;
}
