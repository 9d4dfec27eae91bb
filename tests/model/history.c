/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/history.h"

#include <string.h>

#include "tests/model/choose.h"

struct model_text history_rental_id(unsigned number)
{
    char id[24];
    snprintf(id, sizeof id, "r%u%s", number / 3, &"xx"[number % 3]);
    return model_text(id);
}

/* Mostly time stands still, so that many rentals are of the same age; at times it goes on to where
 * a timer or a grace begins or ends, and not farther than some days. */
static void pass_time(struct history_random *random, const struct history_view *view, int64_t *now)
{
    if (choose_chance(random, 15)) {
        *now += (int64_t)history_random_below(random, 12) * CHOOSE_HOUR;
        return;
    }
    const struct model_rental *open =
        choose_chance(random, 20) ? choose_open_rental(random, view) : NULL;
    if (!open)
        return;
    int64_t edge = open->expires_at;
    switch (history_random_below(random, 3)) {
    case 0:
        edge += view->state->policy.renewal_grace * RENTBUS_SECOND;
        break;
    case 1:
        if (open->due_soon_at.given)
            edge = open->due_soon_at.value;
        break;
    default:
        break;
    }
    edge += (int64_t)history_random_below(random, 3) - 1;
    if (edge > *now && edge - *now < 2 * CHOOSE_DAY)
        *now = edge;
}

/* How many of a hundred commands are of each kind. */
static const struct {
    size_t weight;
    choose_command *choose;
} choices[] = {
    {32, choose_return}, {27, choose_checkout},     {7, choose_import},
    {9, choose_renew},   {2, choose_import_device}, {9, choose_judgement},
    {3, choose_block},   {3, choose_policy_put},    {8, choose_put},
};

static void choose_any_command(struct history_random *random, const struct history_view *view,
                               struct history_step *step)
{
    size_t choice = history_random_below(random, 100);
    size_t index = 0;
    step->dry = choose_chance(random, 4);
    while (choice >= choices[index].weight)
        choice -= choices[index++].weight;
    choices[index].choose(random, view, step);
}

void history_choose(struct history_random *random, const struct history_view *view, unsigned number,
                    int64_t *now, struct history_step *step)
{
    memset(step, 0, sizeof *step);
    pass_time(random, view, now);
    step->number = number;
    step->now = *now;
    step->new_rental_id = history_rental_id(number);

    size_t choice = history_random_below(random, 1000);
    if (number < 60 && choose_chance(random, 80)) {
        choose_put(random, view, step);
        return;
    }
    step->back = choose_chance(random, 60) ? 0 : history_random_below(random, 6);
    if (view->behind_late > 0 && choose_chance(random, 15)) {
        step->kind = choose_chance(random, 50) ? HISTORY_ROLLBACK_TO : HISTORY_DURABLE;
        step->back = view->behind_late;
        return;
    }
    if (choice < 810)
        choose_any_command(random, view, step);
    else if (choice < 860)
        step->kind = HISTORY_TIMERS;
    else if (choice < 935)
        step->kind = HISTORY_DURABLE;
    else if (choice < 948)
        step->kind = HISTORY_ROLLBACK;
    else if (choice < 961)
        step->kind = HISTORY_ROLLBACK_TO;
    else if (choice < 979)
        step->kind = HISTORY_ARCHIVE;
    else if (choice < 987)
        step->kind = HISTORY_HELLO;
    else if (choice < 995)
        step->kind = HISTORY_FOREIGN;
    else
        step->kind = HISTORY_REPLAY;
}
