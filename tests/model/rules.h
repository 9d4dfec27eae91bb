/* SPDX-License-Identifier: MPL-2.0 */
/* What the model's files of rules share. Each model_decide_…() appends to *decision, which is empty
 * before, as model_decide() does. */
#ifndef RENTBUS_MODEL_RULES_H
#define RENTBUS_MODEL_RULES_H

#include "tests/model/model.h"

/* Seconds. */
#define MODEL_LOAN_PERIOD_DEFAULT (INT64_C(7) * 24 * 60 * 60)
/* The greatest rev and count of renewals that another system may have come to. */
#define MODEL_COUNT_MAX INT64_C(2147483647)
/* 9999-12-31T23:59:59.999999Z: no later time can be written. */
#define MODEL_LAST_TIME INT64_C(253402300799999999)

typedef void model_decider(const struct model_state *state, const struct model_command *command,
                           const struct model_context *context, struct model_decision *decision);

model_decider model_decide_return;
model_decider model_decide_checkout;
model_decider model_decide_renew;
model_decider model_decide_forgive;
model_decider model_decide_flag;
model_decider model_decide_unflag;
model_decider model_decide_user_put;
model_decider model_decide_user_block;
model_decider model_decide_user_unblock;
model_decider model_decide_asset_put;
model_decider model_decide_asset_type_put;
model_decider model_decide_location_put;
model_decider model_decide_policy_put;
model_decider model_decide_import;
model_decider model_decide_import_device;

/* An error for the sender: nothing is journaled. */
void model_refuse(struct model_decision *decision, enum rentbus_error_code error,
                  const char *field);
/* The next event, empty but for these. */
struct model_event *model_add(struct model_decision *decision, enum rentbus_event_type type,
                              struct model_text subject);
/* Whether the scan is one of a device that came already; then that alone is recorded. */
bool model_add_resend(const struct model_state *state, const struct model_command *command,
                      struct model_decision *decision);
/* What the event that records a scan says of who scanned what, where and when. */
void model_set_scan(const struct model_command *command, struct model_event *event);
/* Behind all other events of a scan: that its device left some out, if it did. */
void model_add_gap(const struct model_state *state, const struct model_command *command,
                   struct model_decision *decision);
/* A COMMAND_UNCHANGED_EVENT; `rental` may be NULL. */
void model_add_unchanged(struct model_decision *decision, const struct model_command *command,
                         struct model_text subject, const struct model_rental *rental);
/* The rejection of a scan; `rental` may be NULL. */
void model_add_rejection(const struct model_state *state, const struct model_command *command,
                         enum rentbus_event_type type, struct model_reasons reasons,
                         const struct model_rental *rental, struct model_decision *decision);
struct model_number model_policy_version(const struct model_state *state);

void model_reason_add(struct model_reasons *reasons, enum rentbus_reason reason);
struct model_reasons model_reason_alone(enum rentbus_reason reason);

/* Whether the command overrides all the reasons, each of which must stand in `allowed`; no reasons
 * are not overridden. */
bool model_overrides(const struct model_command *command, const struct model_reasons *reasons,
                     const struct model_reasons *allowed);
/* Refuses an override that says nothing. */
bool model_refuse_override(const struct model_command *command, struct model_decision *decision);
void model_set_override(const struct model_command *command, const struct model_reasons *reasons,
                        struct model_event *event);

/* The unanswered return that makes a late one of the checkout of a known asset by a known user,
 * which is to end at `expires_at`; NULL when there is none. */
const struct model_unanswered *model_late_for(const struct model_state *state,
                                              const struct model_command *command,
                                              int64_t expires_at);
/* When the loan is to end. The asset is known. */
int64_t model_checkout_until(const struct model_state *state, const struct model_command *command);
/* What stands against a known user who takes a known asset. */
struct model_reasons model_lending_reasons(const struct model_state *state,
                                           const struct model_user *user,
                                           const struct model_asset *asset);

bool model_ids_contain(const struct model_ids *ids, const struct model_text *id);
bool model_ids_equal(const struct model_ids *a, const struct model_ids *b);
struct model_ids model_ids_of_one(const struct model_text *id);
/* What may come back for a known asset where nobody says. */
struct model_ids model_default_types(const struct model_state *state,
                                     const struct model_text *asset_id);
bool model_number_equal(struct model_number a, struct model_number b);

enum model_late { MODEL_LATE_INVALID, MODEL_LATE_REJECT, MODEL_LATE_FLAG, MODEL_LATE_FORGIVE };
/* Reads a policy's late_return; *grace, in seconds, is 0 but for MODEL_LATE_FORGIVE. */
enum model_late model_late_return(const struct model_text *text, int64_t *grace);

#endif
