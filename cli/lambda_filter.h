/* SPDX-License-Identifier: MPL-2.0 */
/* What an event is about, as far as the event itself says: what the daemon goes by when it chooses
 * the events of a consumer. Pure. */
#ifndef CLI_LAMBDA_FILTER_H
#define CLI_LAMBDA_FILTER_H

#include <rentbus/rentbus.h>

struct json_t;

/* Borrowed from the event; NULL: it does not say. */
struct lambda_subjects {
    const char *user_id;
    const char *location_id;
    const char *asset_type;
    const char *asset_id; /* whose type it is, when it does not say the type */
};
struct lambda_subjects lambda_subjects_of(struct rentbus_text type, const struct json_t *data);

/* Whether the text is that id. `text` may be NULL. */
bool lambda_id_is(struct rentbus_text id, const char *text);

#endif
