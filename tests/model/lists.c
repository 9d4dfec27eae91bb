/* SPDX-License-Identifier: MPL-2.0 */
#include <inttypes.h>

#include "tests/model/check.h"

/* A list as it is visited: what must come next, and when to stop. */
struct visit {
    struct check_report *report;
    const struct model_state *state;
    const struct model_filter *filter; /* of rentals */
    uint64_t after;
    size_t next; /* index of the first thing not visited */
    size_t left; /* stop behind so many */
    bool failed;
};

/* Whether the visited thing may be there at all; then *go_on says what the visitor returns. */
static bool visit_begin(struct visit *visit, size_t count)
{
    if (visit->left == 0 || visit->next >= count) {
        visit->failed = true;
        check_fail(visit->report, visit->left == 0 ? "a list went on behind its stop"
                                                   : "a list shows more than there is");
        return false;
    }
    visit->left--;
    return true;
}

static bool visit_end(struct visit *visit, const char *what, const struct rentbus_schema *schema,
                      const void *expected, const void *actual)
{
    if (!check_same(visit->report, what, schema, expected, actual))
        visit->failed = true;
    return !visit->failed && visit->left > 0;
}

static bool visit_user(void *context, const struct rentbus_user *user)
{
    struct visit *visit = context;
    struct rentbus_user expected;
    if (!visit_begin(visit, visit->state->user_count))
        return false;
    view_user(&visit->state->users[visit->next++], &expected);
    return visit_end(visit, "a user of the list", &rentbus_user_schema, &expected, user);
}

static bool visit_asset(void *context, const struct rentbus_asset *asset)
{
    struct visit *visit = context;
    struct rentbus_asset expected;
    if (!visit_begin(visit, visit->state->asset_count))
        return false;
    view_asset(visit->state, &visit->state->assets[visit->next++], &expected);
    return visit_end(visit, "an asset of the list", &rentbus_asset_schema, &expected, asset);
}

static bool visit_asset_type(void *context, const struct rentbus_asset_type *type)
{
    struct visit *visit = context;
    struct rentbus_asset_type expected;
    if (!visit_begin(visit, visit->state->asset_type_count))
        return false;
    view_asset_type(&visit->state->asset_types[visit->next++], &expected);
    return visit_end(visit, "an asset type of the list", &rentbus_asset_type_schema, &expected,
                     type);
}

static bool visit_location(void *context, const struct rentbus_location *location)
{
    struct visit *visit = context;
    struct rentbus_location expected;
    if (!visit_begin(visit, visit->state->location_count))
        return false;
    view_location(&visit->state->locations[visit->next++], &expected);
    return visit_end(visit, "a location of the list", &rentbus_location_schema, &expected,
                     location);
}

static bool visit_device(void *context, const struct ledger_device_view *device)
{
    struct visit *visit = context;
    if (!visit_begin(visit, visit->state->device_count))
        return false;
    visit->failed =
        !check_same_device(visit->report, &visit->state->devices[visit->next++], device);
    return !visit->failed && visit->left > 0;
}

static void skip_unmatched(struct visit *visit)
{
    while (visit->next < visit->state->rental_count) {
        const struct model_rental *rental = &visit->state->rentals[visit->next];
        if (rental->created_seq > visit->after && model_matches(rental, visit->filter))
            return;
        visit->next++;
    }
}

static bool visit_rental(void *context, const struct rentbus_rental *rental)
{
    struct visit *visit = context;
    struct rentbus_rental expected;
    skip_unmatched(visit);
    if (!visit_begin(visit, visit->state->rental_count))
        return false;
    view_rental(&visit->state->rentals[visit->next++], &expected);
    return visit_end(visit, "a rental of the list", &rentbus_rental_schema, &expected, rental);
}

/* Whether a visited list was right, and ended where it had to. */
static bool visited(struct visit *visit, const char *what, size_t count)
{
    if (visit->failed)
        return false;
    if (visit->left > 0 && visit->next < count)
        return check_fail(visit->report, "the list of %s ends after %zu of %zu", what, visit->next,
                          count);
    return true;
}

static struct visit visit_from(struct check_report *report, const struct model_state *state,
                               uint64_t after, struct history_random *random)
{
    size_t stop = history_random_below(random, 2) ? SIZE_MAX : 1 + history_random_below(random, 6);
    return (struct visit){
        .report = report, .state = state, .after = after, .next = (size_t)after, .left = stop};
}

static bool check_things(struct check_report *report, const struct ledger *ledger,
                         const struct model_state *state, uint64_t after,
                         struct history_random *random)
{
    struct visit users = visit_from(report, state, after, random);
    ledger_user_list(ledger, after, visit_user, &users);
    if (!visited(&users, "users", state->user_count))
        return false;
    struct visit assets = visit_from(report, state, after, random);
    ledger_asset_list(ledger, after, visit_asset, &assets);
    if (!visited(&assets, "assets", state->asset_count))
        return false;
    struct visit types = visit_from(report, state, after, random);
    ledger_asset_type_list(ledger, after, visit_asset_type, &types);
    if (!visited(&types, "asset types", state->asset_type_count))
        return false;
    struct visit locations = visit_from(report, state, after, random);
    ledger_location_list(ledger, after, visit_location, &locations);
    if (!visited(&locations, "locations", state->location_count))
        return false;
    struct visit devices = visit_from(report, state, after, random);
    ledger_device_list(ledger, after, visit_device, &devices);
    return visited(&devices, "devices", state->device_count);
}

static bool check_rentals(struct check_report *report, const struct ledger *ledger,
                          const struct model_state *state, const struct model_filter *filter,
                          uint64_t after, struct history_random *random)
{
    struct ledger_rental_filter view;
    view_filter(filter, &view);
    struct visit visit = visit_from(report, state, after, random);
    visit.filter = filter;
    visit.next = 0;
    ledger_rental_list(ledger, &view, after, visit_rental, &visit);
    skip_unmatched(&visit);
    if (visited(&visit, "rentals", state->rental_count))
        return true;
    char why[sizeof report->text];
    snprintf(why, sizeof why, "%.*s", (int)sizeof why - 300, report->text);
    return check_fail(
        report, "list with user %s, asset %s, status %s, expired %s, after %" PRIu64 ": %.3700s",
        filter->user_id.text, filter->asset_id.text,
        rentbus_word_text(&rentbus_status_words, (int)filter->status),
        !filter->has_expired ? "-"
        : filter->expired    ? "true"
                             : "false",
        after, why);
}

/* How many combinations of filters there are. */
#define ASSETS 12
#define USERS 7
#define STATUSES 5
#define EXPIREDS 3
#define FILTERS (ASSETS * USERS * STATUSES * EXPIREDS)

/* Index 0 of each is no filter. */
static void filter_number(size_t number, int64_t now, struct model_filter *filter)
{
    *filter = (struct model_filter){.now = now};
    size_t user = number % USERS;
    size_t asset = number / USERS % ASSETS;
    size_t expired = number / USERS / ASSETS / STATUSES;
    if (user > 0)
        filter->user_id = model_text(history_user(user - 1));
    if (asset > 0)
        filter->asset_id = model_text(history_asset(asset - 1));
    filter->status = (enum rentbus_status)(number / USERS / ASSETS % STATUSES);
    filter->has_expired = expired > 0;
    filter->expired = expired > 1;
}

bool check_lists(struct check_report *report, const struct ledger *ledger,
                 const struct model_state *state, int64_t now, struct history_random *random,
                 bool thorough)
{
    if (!check_things(report, ledger, state, history_random_below(random, 8), random))
        return false;
    struct model_filter filter = {0};
    if (!check_rentals(report, ledger, state, &filter, 0, random))
        return false;
    size_t count = thorough ? FILTERS : 4;
    for (size_t i = 0; i < count; i++) {
        filter_number(thorough ? i : history_random_below(random, FILTERS), now, &filter);
        uint64_t after =
            history_random_below(random, 2) ? 0 : history_random_below(random, state->head + 1);
        if (!check_rentals(report, ledger, state, &filter, after, random))
            return false;
    }
    return true;
}
