/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Random histories. A step is concrete and stands by itself, so that a history with some steps
 * dropped is a history still; how a step is chosen may look at the model.
 */
#ifndef RENTBUS_MODEL_HISTORY_H
#define RENTBUS_MODEL_HISTORY_H

#include <stdio.h>

#include "tests/model/model.h"

enum history_kind {
    HISTORY_COMMAND,
    HISTORY_HELLO,    /* the event of a start of the daemon: the ledger has nothing to do with it */
    HISTORY_FOREIGN,  /* an event of a type that is not the ledger's */
    HISTORY_DURABLE,  /* all but the last `back` events are durable */
    HISTORY_ROLLBACK, /* what is not durable is lost */
    HISTORY_ROLLBACK_TO, /* the last `back` events are, as far as they are not durable */
    HISTORY_TIMERS,      /* what is due is told: all of it, or what `back` decisions tell */
    HISTORY_ARCHIVE,     /* the archive has taken all but the last `back` durable events */
    HISTORY_REPLAY,      /* a new ledger reads the durable events from the first one on */
};

struct history_step {
    unsigned number;
    enum history_kind kind;
    size_t back;
    bool dry; /* of a command: decide, and leave it at that */
    struct model_command command;
    int64_t now;
    struct model_text new_rental_id;
};

/* splitmix64: every seed is a good one. */
struct history_random {
    uint64_t state;
};
uint64_t history_random_next(struct history_random *random);
/* 0 to count - 1. */
size_t history_random_below(struct history_random *random, size_t count);

/* What a choice may look at. */
struct history_view {
    const struct model_state *state;
    const struct model_rental *archive; /* rentals that have left memory */
    size_t archive_count;
    size_t behind_late; /* `back` that cuts a late checkout in two; 0 when there is none to cut */
};

/* Id number `index` of what a history names; NULL behind the last. The last one of users and of
 * assets is never put, the last device never scans. */
const char *history_user(size_t index);
const char *history_asset(size_t index);
const char *history_asset_type(size_t index);
const char *history_location(size_t index);
const char *history_device(size_t index);

/* The id of a rental that step `number` makes. Of three in a row each begins with the next, so that
 * the order of ids is not the order of creation. */
struct model_text history_rental_id(unsigned number);

/* Time passes in *now between the steps, which starts at HISTORY_START. */
#define HISTORY_START INT64_C(1739185200000000) /* 2025-02-10T11:00:00Z */
void history_choose(struct history_random *random, const struct history_view *view, unsigned number,
                    int64_t *now, struct history_step *step);

/* One line, with a newline. */
void history_print(FILE *out, const struct history_step *step);

#endif
