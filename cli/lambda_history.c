/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda_history.h"

#include "cli/field.h"
#include "cli/lambda.h"
#include "cli/lambda_filter.h"
#include "cli/report.h"

#include <jansson.h>

/* ---- which events ---- */

static bool asset_type_is(struct lambda_history *history, const char *asset_id)
{
    struct rentbus_id_args args = {0};
    struct rentbus_asset_result result;
    RENTBUS_SET(&args, id_args, id, rentbus_text(asset_id));
    if (!asset_id || cli_connect(&history->other) != CLI_EXIT_OK ||
        rentbus_asset_get(history->other.client, NULL, &args, &result))
        return false;
    struct rentbus_text wanted = history->filter->asset_type;
    return result.asset.asset_type.length == wanted.length &&
           memcmp(result.asset.asset_type.data, wanted.data, wanted.length) == 0;
}

static bool subjects_match(struct lambda_history *history, const struct lambda_subjects *found)
{
    const struct rentbus_consumer_put_args *put = history->filter;
    if (RENTBUS_HAS(put, consumer_put_args, user_id) && !lambda_id_is(put->user_id, found->user_id))
        return false;
    if (RENTBUS_HAS(put, consumer_put_args, location_id) &&
        !lambda_id_is(put->location_id, found->location_id))
        return false;
    if (!RENTBUS_HAS(put, consumer_put_args, asset_type))
        return true;
    return found->asset_type ? lambda_id_is(put->asset_type, found->asset_type)
                             : asset_type_is(history, found->asset_id);
}

static bool event_matches(struct lambda_history *history, const struct rentbus_event *event)
{
    if (!RENTBUS_HAS(history->filter, consumer_put_args, types) && event->type.length >= 9 &&
        memcmp(event->type.data, "CONSUMER_", 9) == 0)
        return false;
    char *text = rentbus_to_json(&rentbus_event_schema, event);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    struct lambda_subjects found = lambda_subjects_of(event->type, json_object_get(json, "data"));
    bool matches = json && subjects_match(history, &found);
    json_decref(json);
    rentbus_free(text);
    return matches;
}

static enum cli_exit event_see(void *context, const struct rentbus_event *event)
{
    struct lambda_history *history = context;
    if (event->time >= history->until)
        return CLI_EXIT_REJECTED;
    return event_matches(history, event) ? history->each(history->context, event) : CLI_EXIT_OK;
}

enum cli_exit lambda_history_read(struct lambda_history *history, cli_event_pages_each *each,
                                  void *context)
{
    struct cli_event_pages pages = history->pages;
    history->each = each;
    history->context = context;
    return cli_event_pages_read(&pages, event_see, history);
}

/* ---- what the command line says ---- */

/* The filter of the consumer, where the command line has none. */
static enum cli_exit filter_take(struct cli *cli, const char *name,
                                 struct rentbus_consumer_status *status,
                                 struct rentbus_consumer_put_args *put)
{
    enum cli_exit exit = lambda_status(cli, name, status);
    const struct rentbus_consumer *wants = &status->consumer;
    if (exit != CLI_EXIT_OK)
        return exit;
    if (RENTBUS_HAS(wants, consumer, types))
        RENTBUS_SET(put, consumer_put_args, types, wants->types);
    if (RENTBUS_HAS(wants, consumer, user_id))
        RENTBUS_SET(put, consumer_put_args, user_id, wants->user_id);
    if (RENTBUS_HAS(wants, consumer, asset_type))
        RENTBUS_SET(put, consumer_put_args, asset_type, wants->asset_type);
    if (RENTBUS_HAS(wants, consumer, location_id))
        RENTBUS_SET(put, consumer_put_args, location_id, wants->location_id);
    return CLI_EXIT_OK;
}

/* A seq, or a time. */
static enum cli_exit place_read(const struct cli *cli, const struct cli_line *line,
                                const char *option, uint64_t *seq, int64_t *time)
{
    const char *given = cli_line_value(line, option);
    if (!given || cli_number_parse(rentbus_text(given), seq) ||
        rentbus_time_parse(rentbus_text(given), time))
        return CLI_EXIT_OK;
    return cli_report_usage(cli, "--%s: %s is no seq and no time", option, given);
}

enum cli_exit lambda_history_choose(struct lambda_history *history, const struct cli_line *line)
{
    const struct cli *cli = history->pages.cli;
    struct rentbus_events_read_args *args = &history->pages.args;
    struct rentbus_consumer_status status;
    int64_t since = INT64_MIN;
    uint64_t from = 1;
    enum cli_exit exit = CLI_EXIT_OK;
    if (!cli_line_has(line, "on") && !cli_line_has(line, "where"))
        exit = filter_take(&history->known, line->words[1], &status, history->filter);
    if (exit == CLI_EXIT_OK)
        exit = place_read(cli, line, "since", &from, &since);
    if (exit == CLI_EXIT_OK)
        exit = place_read(cli, line, "until", &history->pages.last, &history->until);
    if (since > INT64_MIN)
        RENTBUS_SET(args, events_read_args, since, since);
    else
        RENTBUS_SET(args, events_read_args, from_seq, from > 0 ? from : 1);
    if (RENTBUS_HAS(history->filter, consumer_put_args, types))
        RENTBUS_SET(args, events_read_args, types, history->filter->types);
    return exit;
}

void lambda_history_close(struct lambda_history *history)
{
    cli_release(&history->other);
    cli_release(&history->known);
}
