/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What the files of choices share: how a random history comes by its commands. Each chooser fills a
 * zeroed command.
 */
#ifndef RENTBUS_MODEL_CHOOSE_H
#define RENTBUS_MODEL_CHOOSE_H

#include "sdk/protocol/time.h"
#include "tests/model/history.h"

#define CHOOSE_MINUTE (60 * RENTBUS_SECOND)
#define CHOOSE_HOUR (60 * CHOOSE_MINUTE)
#define CHOOSE_DAY RENTBUS_DAY

#define CHOOSE_COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define CHOOSE_PICK(random, texts) choose_text(random, texts, CHOOSE_COUNT_OF(texts))

bool choose_chance(struct history_random *random, unsigned percent);
struct model_number choose_number(int64_t value);
struct model_text choose_text(struct history_random *random, const char *const *texts,
                              size_t count);

/* Ids; those of users and assets are seldom of what nobody has put, and never `to_put`. */
struct model_text choose_user(struct history_random *random);
struct model_text choose_user_to_put(struct history_random *random);
struct model_text choose_asset(struct history_random *random);
struct model_text choose_asset_to_put(struct history_random *random);
struct model_text choose_asset_type(struct history_random *random);
struct model_text choose_location(struct history_random *random);
struct model_text choose_device(struct history_random *random);
struct model_text choose_device_to_import(struct history_random *random);
struct model_ids choose_types(struct history_random *random);
/* Why a person does something. */
struct model_text choose_reason(struct history_random *random);
/* Mostly none; why rules shall not stand against a command. */
struct model_text choose_override(struct history_random *random);

/* One in memory or one of the archive, and one that is open; NULL when none was found. */
const struct model_rental *choose_any_rental(struct history_random *random,
                                             const struct history_view *view);
const struct model_rental *choose_open_rental(struct history_random *random,
                                              const struct history_view *view);
/* When a device says that it was: mostly now, often earlier, at times on the very edge. */
int64_t choose_time(struct history_random *random, const struct history_view *view, int64_t now);

typedef void choose_command(struct history_random *random, const struct history_view *view,
                            struct history_step *step);
choose_command choose_return;
choose_command choose_checkout;
choose_command choose_import;
choose_command choose_import_device;
choose_command choose_renew;
choose_command choose_judgement;
choose_command choose_block;
choose_command choose_policy_put;
choose_command choose_put;

#endif
