/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/model.h"

#define MOVE(from, event, to, same_rev)                                                            \
    {                                                                                              \
        RENTBUS_STATUS_##from, RENTBUS_##event, RENTBUS_STATUS_##to, same_rev                      \
    }

/* clang-format off */
const struct model_move model_moves[] = {
    MOVE(NONE,        RENTAL_CREATED_EVENT,         IN_PROGRESS, false),
    MOVE(NONE,        RENTAL_IMPORTED_EVENT,        IN_PROGRESS, false),
    MOVE(NONE,        RENTAL_IMPORTED_EVENT,        COMPLETED,   false),
    MOVE(NONE,        RENTAL_IMPORTED_EVENT,        FORGIVEN,    false),
    MOVE(NONE,        RENTAL_IMPORTED_EVENT,        FLAGGED,     false),
    MOVE(IN_PROGRESS, RENTAL_RENEWED_EVENT,         IN_PROGRESS, false),
    MOVE(IN_PROGRESS, RENTAL_ASSET_SWAPPED_EVENT,   IN_PROGRESS, false),
    MOVE(IN_PROGRESS, RENTAL_DUE_SOON_EVENT,        IN_PROGRESS, true),
    MOVE(IN_PROGRESS, RENTAL_EXPIRED_EVENT,         IN_PROGRESS, true),
    MOVE(IN_PROGRESS, RENTAL_RETURN_COMPLETE_EVENT, COMPLETED,   false),
    MOVE(IN_PROGRESS, RENTAL_RETURN_COMPLETE_EVENT, FLAGGED,     false),
    MOVE(IN_PROGRESS, RENTAL_FLAGGED_EVENT,         FLAGGED,     false),
    MOVE(IN_PROGRESS, RENTAL_FORGIVEN_EVENT,        FORGIVEN,    false),
    MOVE(FLAGGED,     RENTAL_FORGIVEN_EVENT,        FORGIVEN,    false),
    MOVE(FLAGGED,     RENTAL_UNFLAGGED_EVENT,       IN_PROGRESS, false),
    MOVE(FLAGGED,     RENTAL_UNFLAGGED_EVENT,       COMPLETED,   false),
};
/* clang-format on */
const size_t model_move_count = sizeof model_moves / sizeof model_moves[0];

const struct model_move *model_move_find(enum rentbus_status from, enum rentbus_event_type event,
                                         enum rentbus_status to)
{
    for (size_t i = 0; i < model_move_count; i++)
        if (model_moves[i].from == from && model_moves[i].event == event && model_moves[i].to == to)
            return &model_moves[i];
    return NULL;
}

bool model_final(enum rentbus_status status)
{
    return status == RENTBUS_STATUS_COMPLETED || status == RENTBUS_STATUS_FORGIVEN;
}
