/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/bench_data.h"

#include "cli/field.h"
#include "cli/importer.h"
#include "cli/report.h"

#include <inttypes.h>
#include <stdio.h>

#define STATE_ID "bench-state"
#define STATE_FORMAT                                                                               \
    "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 /* as the struct */
#define LOCATIONS 20
#define TYPES 5
/* 2025-01-01, a rental every minute from then on, and 2099-01-01: none of them ever expires. */
#define BEGIN INT64_C(1735689600000000)
#define END INT64_C(4070908800000000)
#define MINUTE INT64_C(60000000)
#define LOAN (3 * 24 * 60 * MINUTE)
#define COMMANDS_BEGIN (BEGIN / 1000)
/* What a run that was cut off may not have done before its last. */
#define UNSURE (2 * CLI_IMPORTER_PACK_ROWS * CLI_IMPORTER_PACKS)

void bench_user_id(uint64_t number, char id[BENCH_ID_SIZE])
{
    snprintf(id, BENCH_ID_SIZE, "bench-user-%07" PRIu64, number);
}

void bench_asset_id(uint64_t number, char id[BENCH_ID_SIZE])
{
    snprintf(id, BENCH_ID_SIZE, "bench-asset-%08" PRIu64, number);
}

void bench_open_id(uint64_t number, char id[BENCH_ID_SIZE])
{
    snprintf(id, BENCH_ID_SIZE, "bench-open-%08" PRIu64, number);
}

void bench_closed_id(uint64_t number, char id[BENCH_ID_SIZE])
{
    snprintf(id, BENCH_ID_SIZE, "bench-closed-%08" PRIu64, number);
}

void bench_location_id(uint64_t number, char id[BENCH_ID_SIZE])
{
    snprintf(id, BENCH_ID_SIZE, "bench-location-%02" PRIu64, number % LOCATIONS);
}

static void type_id(uint64_t number, char id[BENCH_ID_SIZE])
{
    snprintf(id, BENCH_ID_SIZE, "bench-type-%" PRIu64, number % TYPES);
}

/* Of the version 7 of a past that nobody else has commands of: they grow with the number, and what
 * grows is found to be new at once. */
static struct rentbus_uuid command_id(uint64_t number)
{
    struct rentbus_uuid id = {{0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 'b', 'e', 'n', 'c', 'h'}};
    uint64_t milliseconds = COMMANDS_BEGIN + number;
    for (size_t i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(milliseconds >> (40 - 8 * i));
    return id;
}

/* ---- what was prepared ---- */

/* Numbers between commas; how many, at most `most`, or 0 when it is something else. */
static size_t parse_numbers(const char *text, size_t length, uint64_t *numbers, size_t most)
{
    const char *end = text + length;
    for (size_t count = 0; count < most;) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        size_t digits = (size_t)((comma ? comma : end) - text);
        if (!cli_number_parse((struct rentbus_text){text, digits}, &numbers[count++]))
            return 0;
        if (!comma)
            return count;
        text = comma + 1;
    }
    return 0;
}

int bench_data_parse(const char *text, struct bench_data *data, struct rentbus_fault *fault)
{
    uint64_t sizes[4] = {0};
    size_t count = parse_numbers(text, strlen(text), sizes, 4);
    if (count < 3 || sizes[0] < 1 || sizes[0] > BENCH_USERS_MAX || sizes[1] < 1 ||
        sizes[1] > BENCH_ASSETS_MAX || sizes[2] > BENCH_OPEN_MAX || sizes[2] > sizes[1] ||
        sizes[3] > BENCH_CLOSED_MAX)
        return cli_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "prepare",
                             "must be USERS,ASSETS,OPEN or USERS,ASSETS,OPEN,CLOSED, at most "
                             "%d,%d,%d,%d, and no more open than assets",
                             BENCH_USERS_MAX, BENCH_ASSETS_MAX, BENCH_OPEN_MAX, BENCH_CLOSED_MAX);
    *data = (struct bench_data){.users = sizes[0],
                                .assets = sizes[1],
                                .open = sizes[2],
                                .closed = sizes[3],
                                .out = sizes[2]};
    return 0;
}

static bool state_parse(struct rentbus_text text, struct bench_data *data)
{
    uint64_t numbers[6];
    if (!text.data || parse_numbers(text.data, text.length, numbers, 6) != 6)
        return false;
    *data =
        (struct bench_data){numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
    return data->users >= 1 && data->users <= BENCH_USERS_MAX && data->assets >= 1 &&
           data->assets <= BENCH_ASSETS_MAX && data->open <= BENCH_OPEN_MAX &&
           data->closed <= BENCH_CLOSED_MAX && data->first < data->assets &&
           data->out <= data->assets;
}

/* Whether there is a thing of this id: 1, 0, or an exit code below 0, reported. */
static int look(struct cli *cli, enum rentbus_op op, const char *id, void *result)
{
    struct rentbus_id_args args = {0};
    RENTBUS_SET(&args, id_args, id, rentbus_text(id));
    int status = rentbus_call(cli->client, op, NULL, &args, result);
    if (status == 0)
        return 1;
    if (status == RENTBUS_ERROR_NOT_FOUND)
        return 0;
    if (status > 0)
        cli_report_fault(cli, rentbus_client_fault(cli->client));
    else
        cli_report_failure(cli, status, NULL);
    return -(int)cli_exit_of_status(status);
}

enum cli_exit bench_data_load(struct cli *cli, struct bench_data *data)
{
    struct rentbus_user_result result;
    enum cli_exit exit = cli_connect(cli);
    if (exit != CLI_EXIT_OK)
        return exit;
    *data = (struct bench_data){0};
    int found = look(cli, RENTBUS_OP_user_get, STATE_ID, &result);
    if (found < 0)
        return (enum cli_exit) - found;
    if (found == 1 && !state_parse(result.user.name, data)) {
        cli_report(cli, "INVALID_ARGUMENT", "the user " STATE_ID " was changed by somebody");
        return CLI_EXIT_BAD_DATA;
    }
    return CLI_EXIT_OK;
}

static enum cli_exit save(struct cli *cli, const struct bench_data *data,
                          const struct rentbus_uuid *id)
{
    char name[160];
    struct rentbus_user_put_args args = {0};
    struct rentbus_command_result result;
    snprintf(name, sizeof(name), STATE_FORMAT, data->users, data->assets, data->open, data->closed,
             data->first, data->out);
    RENTBUS_SET(&args, user_put_args, id, rentbus_text(STATE_ID));
    RENTBUS_SET(&args, user_put_args, name, rentbus_text(name));
    return cli_call(cli, RENTBUS_OP_user_put, id, &args, &result);
}

enum cli_exit bench_data_save(struct cli *cli, const struct bench_data *data)
{
    return save(cli, data, NULL);
}

/* ---- preparing ---- */

/* What rows point into. */
struct names {
    char id[BENCH_ID_SIZE];
    char user[BENCH_ID_SIZE];
    char asset[BENCH_ID_SIZE];
    char taken_at[BENCH_ID_SIZE];
    char returned_at[BENCH_ID_SIZE];
    char type[BENCH_ID_SIZE];
};

typedef void row_make(const struct bench_data *data, uint64_t number, struct names *names,
                      struct cli_row *row);

static void make_type(const struct bench_data *data, uint64_t number, struct names *names,
                      struct cli_row *row)
{
    (void)data;
    type_id(number, names->id);
    RENTBUS_SET(&row->args.asset_type, asset_type_put_args, id, rentbus_text(names->id));
}

static void make_location(const struct bench_data *data, uint64_t number, struct names *names,
                          struct cli_row *row)
{
    (void)data;
    bench_location_id(number, names->id);
    RENTBUS_SET(&row->args.location, location_put_args, id, rentbus_text(names->id));
}

static void make_user(const struct bench_data *data, uint64_t number, struct names *names,
                      struct cli_row *row)
{
    (void)data;
    bench_user_id(number, names->id);
    RENTBUS_SET(&row->args.user, user_put_args, id, rentbus_text(names->id));
}

static void make_asset(const struct bench_data *data, uint64_t number, struct names *names,
                       struct cli_row *row)
{
    (void)data;
    bench_asset_id(number, names->id);
    type_id(number, names->type);
    RENTBUS_SET(&row->args.asset, asset_put_args, id, rentbus_text(names->id));
    RENTBUS_SET(&row->args.asset, asset_put_args, asset_type, rentbus_text(names->type));
}

/* A rental of thing `asset`, that began at `begin`. */
static void make_rental(const struct bench_data *data, uint64_t asset, int64_t begin,
                        struct names *names, struct cli_row *row)
{
    struct rentbus_import_args *args = &row->args.rental;
    bench_user_id(asset % data->users, names->user);
    bench_asset_id(asset, names->asset);
    bench_location_id(asset, names->taken_at);
    RENTBUS_SET(args, import_args, id, rentbus_text(names->id));
    RENTBUS_SET(args, import_args, user_id, rentbus_text(names->user));
    RENTBUS_SET(args, import_args, asset_id, rentbus_text(names->asset));
    RENTBUS_SET(args, import_args, created_at_location_id, rentbus_text(names->taken_at));
    RENTBUS_SET(args, import_args, created_at, begin);
    RENTBUS_SET(args, import_args, expires_at, END);
    RENTBUS_SET(args, import_args, status, RENTBUS_STATUS_IN_PROGRESS);
}

static void make_open(const struct bench_data *data, uint64_t number, struct names *names,
                      struct cli_row *row)
{
    bench_open_id(number, names->id);
    make_rental(data, number, BEGIN + (int64_t)(number % 100000) * MINUTE, names, row);
}

static void make_closed(const struct bench_data *data, uint64_t number, struct names *names,
                        struct cli_row *row)
{
    struct rentbus_import_args *args = &row->args.rental;
    int64_t begin = BEGIN + (int64_t)(number % 100000) * MINUTE;
    bench_closed_id(number, names->id);
    make_rental(data, number % data->assets, begin, names, row);
    bench_location_id(number + 1, names->returned_at);
    RENTBUS_SET(args, import_args, status, RENTBUS_STATUS_COMPLETED);
    RENTBUS_SET(args, import_args, returned_at, begin + LOAN);
    RENTBUS_SET(args, import_args, returned_at_location_id, rentbus_text(names->returned_at));
}

/* Closed rentals before open ones: what is out is out now. */
enum stage { TYPE, LOCATION, USER, ASSET, CLOSED, OPEN, STAGES };

static const struct {
    enum cli_row_kind kind;
    row_make *make;
    void (*name)(uint64_t number, char id[BENCH_ID_SIZE]); /* NULL: they are few */
    enum rentbus_op get;
} stages[STAGES] = {
    [TYPE] = {CLI_ROW_ASSET_TYPE, make_type, NULL, RENTBUS_OP_asset_type_get},
    [LOCATION] = {CLI_ROW_LOCATION, make_location, NULL, RENTBUS_OP_location_get},
    [USER] = {CLI_ROW_USER, make_user, bench_user_id, RENTBUS_OP_user_get},
    [ASSET] = {CLI_ROW_ASSET, make_asset, bench_asset_id, RENTBUS_OP_asset_get},
    [CLOSED] = {CLI_ROW_RENTAL, make_closed, bench_closed_id, RENTBUS_OP_rental_get},
    [OPEN] = {CLI_ROW_RENTAL, make_open, bench_open_id, RENTBUS_OP_rental_get},
};

struct preparation {
    const struct bench_data *data;
    uint64_t counts[STAGES];
    uint64_t from[STAGES]; /* the first that may be missing */
    uint64_t total;
};

static int stage_has(struct cli *cli, enum stage stage, uint64_t number)
{
    char id[BENCH_ID_SIZE];
    union {
        struct rentbus_user_result user;
        struct rentbus_asset_result asset;
        struct rentbus_rental_result rental;
    } result;
    stages[stage].name(number, id);
    if (stages[stage].get != RENTBUS_OP_rental_get)
        return look(cli, stages[stage].get, id, &result);
    struct rentbus_rental_get_args args = {0};
    RENTBUS_SET(&args, rental_get_args, rental_id, rentbus_text(id));
    int status = rentbus_call(cli->client, RENTBUS_OP_rental_get, NULL, &args, &result.rental);
    if (status != 0 && status != RENTBUS_ERROR_NOT_FOUND)
        return -(int)cli_exit_of_status(status);
    return status == 0;
}

/* By halves: they were put one after the other. */
static enum cli_exit stage_find(struct cli *cli, enum stage stage, struct preparation *preparation)
{
    uint64_t there = 0;
    uint64_t missing = preparation->counts[stage];
    while (there < missing) {
        uint64_t middle = there + (missing - there) / 2;
        int found = stage_has(cli, stage, middle);
        if (found < 0)
            return (enum cli_exit) - found;
        if (found)
            there = middle + 1;
        else
            missing = middle;
    }
    preparation->from[stage] = there > UNSURE ? there - UNSURE : 0;
    return CLI_EXIT_OK;
}

static enum cli_exit send_stage(struct cli_importer *importer, enum stage stage,
                                const struct preparation *preparation, uint64_t *done)
{
    struct names names;
    enum cli_exit exit = CLI_EXIT_OK;
    *done += preparation->from[stage];
    for (uint64_t i = preparation->from[stage];
         i < preparation->counts[stage] && exit == CLI_EXIT_OK; i++) {
        struct cli_row row = {.kind = stages[stage].kind};
        stages[stage].make(preparation->data, i, &names, &row);
        struct cli_place place = {.table = cli_row_types[row.kind].name,
                                  .key = rentbus_text(names.id)};
        struct rentbus_uuid id = command_id(++*done);
        exit = cli_importer_send_as(importer, &id, &row, &place);
        cli_importer_progress(importer, *done, preparation->total);
    }
    return exit;
}

static enum cli_exit send_all(struct cli *cli, const struct preparation *preparation)
{
    struct cli_importer *importer = NULL;
    uint64_t done = 0;
    enum cli_exit exit = cli_importer_create(cli, &importer);
    if (exit != CLI_EXIT_OK)
        return exit;
    for (enum stage stage = 0; stage < STAGES && exit == CLI_EXIT_OK; stage++)
        exit = send_stage(importer, stage, preparation, &done);
    exit = cli_importer_finish(importer, exit);
    cli_importer_destroy(&importer);
    return exit;
}

static enum cli_exit refuse(const struct cli *cli, const char *why)
{
    cli_report(cli, "PRECONDITION_FAILED", "%s", why);
    return cli_exit_of_error(RENTBUS_ERROR_PRECONDITION_FAILED);
}

static bool same_sizes(const struct bench_data *a, const struct bench_data *b)
{
    return a->users == b->users && a->assets == b->assets && a->open == b->open &&
           a->closed == b->closed;
}

/* Whether the ledger may be written to. */
static enum cli_exit check_ledger(struct cli *cli, const struct bench_data *wanted,
                                  const struct bench_data *found, bool anyway)
{
    struct rentbus_stats_result stats;
    if (found->users > 0)
        return same_sizes(wanted, found)
                   ? CLI_EXIT_OK
                   : refuse(cli, "the ledger was prepared with other sizes: take another ledger");
    enum cli_exit exit = cli_call(cli, RENTBUS_OP_stats, NULL, NULL, &stats);
    if (exit != CLI_EXIT_OK || anyway || stats.users + stats.assets + stats.rentals == 0)
        return exit;
    return refuse(cli, "the ledger holds other things, and the bench writes to it: take another "
                       "ledger, or --yes to write all the same");
}

enum cli_exit bench_data_prepare(struct cli *cli, struct bench_data *data, bool anyway)
{
    struct preparation preparation = {
        .data = data,
        .counts = {TYPES, LOCATIONS, data->users, data->assets, data->closed, data->open},
    };
    struct bench_data found;
    enum cli_exit exit = bench_data_load(cli, &found);
    if (exit == CLI_EXIT_OK)
        exit = check_ledger(cli, data, &found, anyway);
    struct rentbus_uuid first = command_id(0);
    if (exit == CLI_EXIT_OK && found.users == 0)
        exit = save(cli, data, &first);
    if (exit == CLI_EXIT_OK && found.users > 0)
        *data = found;
    for (enum stage stage = 0; stage < STAGES && exit == CLI_EXIT_OK; stage++) {
        preparation.total += preparation.counts[stage];
        if (stages[stage].name)
            exit = stage_find(cli, stage, &preparation);
    }
    return exit == CLI_EXIT_OK ? send_all(cli, &preparation) : exit;
}
