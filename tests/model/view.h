/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The model's values as the ledger's interface names them, and two such values compared and printed
 * field by field from the protocol's descriptors. Views borrow their texts from the model's value.
 */
#ifndef RENTBUS_MODEL_VIEW_H
#define RENTBUS_MODEL_VIEW_H

#include <stdio.h>

#include "daemon/ledger/event.h"
#include "daemon/ledger/ledger.h"
#include "tests/model/model.h"

struct rentbus_text view_text(const struct model_text *text);
void view_rental(const struct model_rental *rental, struct rentbus_rental *view);
void view_user(const struct model_user *user, struct rentbus_user *view);
void view_asset(const struct model_state *state, const struct model_asset *asset,
                struct rentbus_asset *view);
void view_asset_type(const struct model_asset_type *type, struct rentbus_asset_type *view);
void view_location(const struct model_location *location, struct rentbus_location *view);
void view_policy(const struct model_policy *policy, struct rentbus_policy *view);
void view_filter(const struct model_filter *filter, struct ledger_rental_filter *view);
void view_command(const struct model_command *command, struct ledger_command *view);
void view_event(const struct model_event *event, struct ledger_event *view);
void view_result(const struct model_result *result, uint64_t seq,
                 struct rentbus_command_result *view);

/* The first field in which two structs of a schema differ, or NULL. */
const char *view_difference(const struct rentbus_schema *schema, const void *a, const void *b);
/* One line: {"id": "u1", …} without a newline. */
void view_print(FILE *out, const struct rentbus_schema *schema, const void *value);

#endif
