/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/scale.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <zmq.h>

#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"
#include "tests/bench/ask.h"
#include "tests/bench/load.h"

#define BYTES_PER_RENTAL 2500 /* of disk, while it is made */
#define BULK_IN_FLIGHT 1024
#define SINGLES 1000
#define TURNS 20
#define LIST_LIMIT 20
#define PAGES 50
#define PAGE_LIMIT 100
#define WALK_LIMIT 1000
#define DEEP_MAX 1000000
#define TENTH 10

/* ---- requests, as load_request() wants them; the context is a side ---- */

static size_t pick(struct scale_side *side, size_t below)
{
    side->random ^= side->random << 13;
    side->random ^= side->random >> 7;
    side->random ^= side->random << 17;
    return side->random % below;
}

static void name(char text[32], const char *kind, int digits, size_t number)
{
    snprintf(text, 32, "bench-%s-%0*zu", kind, digits, number);
}

static void get(struct scale_side *side, const char *kind, size_t below,
                const struct rentbus_uuid *id, struct rentbus_buffer *out)
{
    char rental[32];
    struct rentbus_rental_get_args args = {0};
    name(rental, kind, 8, pick(side, below));
    RENTBUS_SET(&args, rental_get_args, rental_id, rentbus_text(rental));
    load_encode(RENTBUS_OP_rental_get, id, &args, out);
}

static void get_open(void *context, size_t index, const struct rentbus_uuid *id,
                     struct rentbus_buffer *out)
{
    struct scale_side *side = context;
    (void)index;
    get(side, "open", side->closed / TENTH, id, out);
}

static void get_closed(void *context, size_t index, const struct rentbus_uuid *id,
                       struct rentbus_buffer *out)
{
    struct scale_side *side = context;
    (void)index;
    get(side, "closed", side->closed, id, out);
}

static void list(void *context, size_t index, const struct rentbus_uuid *id,
                 struct rentbus_buffer *out)
{
    char user[32];
    struct scale_side *side = context;
    struct rentbus_rental_list_args args = {0};
    (void)index;
    name(user, "user", 7, pick(side, side->closed / TENTH));
    RENTBUS_SET(&args, rental_list_args, user_id, rentbus_text(user));
    RENTBUS_SET(&args, rental_list_args, limit, LIST_LIMIT);
    load_encode(RENTBUS_OP_rental_list, id, &args, out);
}

static void history(void *context, size_t index, const struct rentbus_uuid *id,
                    struct rentbus_buffer *out)
{
    char user[32];
    struct scale_side *side = context;
    struct rentbus_events_read_args args = {0};
    (void)index;
    name(user, "user", 7, pick(side, side->closed / TENTH));
    RENTBUS_SET(&args, events_read_args, user_id, rentbus_text(user));
    RENTBUS_SET(&args, events_read_args, limit, LIST_LIMIT);
    load_encode(RENTBUS_OP_events_read, id, &args, out);
}

/* Who takes thing number `index` of those that nobody has, and the thing. */
static void name_loan(const struct scale_side *side, size_t index, char user[32], char asset[32])
{
    size_t number = side->closed / TENTH + index;
    name(user, "user", 7, number % (side->closed / TENTH));
    name(asset, "asset", 8, number);
}

static void check_out(void *context, size_t index, const struct rentbus_uuid *id,
                      struct rentbus_buffer *out)
{
    char user[32];
    char asset[32];
    struct rentbus_checkout_args args = {0};
    name_loan(context, index, user, asset);
    RENTBUS_SET(&args, checkout_args, user_id, rentbus_text(user));
    RENTBUS_SET(&args, checkout_args, asset_id, rentbus_text(asset));
    RENTBUS_SET(&args, checkout_args, location_id, rentbus_text("counter-1"));
    load_encode(RENTBUS_OP_rental_checkout, id, &args, out);
}

static void give_back(void *context, size_t index, const struct rentbus_uuid *id,
                      struct rentbus_buffer *out)
{
    char user[32];
    char asset[32];
    struct rentbus_return_args args = {0};
    name_loan(context, index, user, asset);
    RENTBUS_SET(&args, return_args, user_id, rentbus_text(user));
    RENTBUS_SET(&args, return_args, asset_id, rentbus_text(asset));
    RENTBUS_SET(&args, return_args, location_id, rentbus_text("bin-1"));
    RENTBUS_SET(&args, return_args, timestamp, time(NULL) * RENTBUS_SECOND);
    load_encode(RENTBUS_OP_rental_return, id, &args, out);
}

/* The next of those that are out, whatever the index. */
static void give_next_back(void *context, size_t index, const struct rentbus_uuid *id,
                           struct rentbus_buffer *out)
{
    struct scale_side *side = context;
    (void)index;
    give_back(side, side->next++, id, out);
}

static struct load_figures run(struct scale_side *side, load_request *request, size_t count,
                               size_t in_flight)
{
    struct load load = {.socket = side->socket,
                        .request = request,
                        .context = side,
                        .count = count,
                        .in_flight = in_flight,
                        .check = true};
    return load_run(&load);
}

/* ---- the two ledgers ---- */

static void settle(const struct scale_side *side)
{
    ask_until_archived(side->socket, side->rig.pid);
}

static void side_connect(struct scale *scale, struct scale_side *side)
{
    side->socket = load_connect(scale->zmq, side->rig.api);
}

/* Runs `rentbus` for that ledger, with its progress on a terminal. */
static void command(const struct scale *scale, const struct scale_side *side, const char *verb,
                    const char *option, const char *value)
{
    const char *arguments[] = {scale->client,    "--api",     side->rig.api, "--events",
                               side->rig.events, "--timeout", "600",         verb,
                               option,           value,       NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t pid = rig_spawn(arguments, &actions);
    posix_spawn_file_actions_destroy(&actions);
    if (rig_end(pid, 0) != 0)
        load_fail("rentbus %s has failed", verb);
}

static void side_open(struct scale *scale, struct scale_side *side, size_t closed)
{
    char sizes[96];
    snprintf(sizes, sizeof sizes, "%zu,%zu,%zu,%zu", closed / TENTH, closed, closed / TENTH,
             closed);
    fprintf(stderr, "preparing: %s\n", sizes);
    side->closed = closed;
    side->random = UINT64_C(0x9e3779b97f4a7c15);
    rig_start(&side->rig, scale->daemon);
    side_connect(scale, side);
    command(scale, side, "bench", "--prepare", sizes);
    settle(side);
}

static void side_stop(struct scale_side *side)
{
    zmq_close(side->socket);
    rig_end(side->rig.pid, SIGTERM);
}

static double side_start(struct scale *scale, struct scale_side *side)
{
    struct rentbus_empty args = {0};
    double start = load_clock();
    rig_run(&side->rig, scale->daemon);
    side_connect(scale, side);
    ask(side->socket, RENTBUS_OP_hello, &args);
    return load_clock() - start;
}

/* Of a file of a ledger that is stopped. */
static double bytes_of(const struct scale_side *side, const char *file)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "%s/data/%s", side->rig.directory, file);
    if (stat(path, &status))
        load_fail("cannot see %s", path);
    return (double)status.st_size;
}

bool scale_open(struct scale *scale, const char *daemon, const char *client, size_t closed)
{
    struct statvfs disk;
    if (statvfs("/tmp", &disk) || disk.f_bavail * disk.f_frsize / BYTES_PER_RENTAL < closed)
        return false;
    *scale = (struct scale){.daemon = daemon, .client = client, .zmq = zmq_ctx_new()};
    side_open(scale, &scale->small, SCALE_SMALL);
    side_open(scale, &scale->large, closed);
    return true;
}

struct scale_start scale_start(struct scale *scale)
{
    struct scale_start start;
    struct scale_side *large = &scale->large;
    command(scale, large, "snapshot", NULL, NULL);
    side_stop(large);
    start.archive_per_rental = bytes_of(large, "archive.db") / (double)large->closed;
    start.seconds = side_start(scale, large);
    start.memory = rig_memory(&large->rig);
    return start;
}

void scale_close(struct scale *scale)
{
    zmq_close(scale->small.socket);
    zmq_close(scale->large.socket);
    rig_stop(&scale->small.rig);
    rig_stop(&scale->large.rig);
    zmq_ctx_term(scale->zmq);
}

/* ---- figures ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* In turns, so that what else the machine does befalls both: the medians of their medians. */
static void measure(struct scale *scale, load_request *request, size_t count, double p50[2])
{
    double turns[2][TURNS];
    struct scale_side *sides[] = {&scale->small, &scale->large};
    for (size_t turn = 0; turn < TURNS; turn++)
        for (size_t i = 0; i < 2; i++)
            turns[i][turn] = run(sides[i], request, count / TURNS, 1).p50_us;
    for (size_t i = 0; i < 2; i++) {
        qsort(turns[i], TURNS, sizeof turns[i][0], compare);
        p50[i] = turns[i][TURNS / 2];
    }
}

struct scale_reads scale_measure_reads(struct scale *scale, size_t count)
{
    struct scale_reads reads;
    measure(scale, get_open, count, reads.get);
    measure(scale, get_closed, count, reads.get_closed);
    measure(scale, list, count, reads.list);
    measure(scale, history, count / 4, reads.history);
    return reads;
}

/* The page behind `cursor`, which it moves on. */
static void read_page(const struct scale_side *side, size_t limit, char cursor[256])
{
    struct rentbus_rental_list_args args = {0};
    struct rentbus_reply reply;
    struct rentbus_rental_page page;
    struct rentbus_fault fault;
    RENTBUS_SET(&args, rental_list_args, limit, limit);
    RENTBUS_SET(&args, rental_list_args, status, RENTBUS_STATUS_COMPLETED);
    if (cursor[0])
        RENTBUS_SET(&args, rental_list_args, cursor, rentbus_text(cursor));
    struct rentbus_bytes bytes = ask(side->socket, RENTBUS_OP_rental_list, &args);
    if (rentbus_decode(&rentbus_reply_schema, bytes, RENTBUS_LENIENT, &reply, &fault) ||
        !reply.ok ||
        rentbus_decode(&rentbus_rental_page_schema, reply.result, RENTBUS_LENIENT, &page, &fault) ||
        page.rentals.count != limit || !RENTBUS_HAS(&page, rental_page, cursor))
        load_fail("a page of a list is not as it should be");
    snprintf(cursor, 256, "%.*s", RENTBUS_TEXT_ARGS(page.cursor));
}

static double read_pages(const struct scale_side *side, char cursor[256])
{
    double pages[PAGES];
    for (size_t i = 0; i < PAGES; i++) {
        double start = load_clock();
        read_page(side, PAGE_LIMIT, cursor);
        pages[i] = (load_clock() - start) * 1e6;
    }
    qsort(pages, PAGES, sizeof pages[0], compare);
    return pages[PAGES / 2];
}

struct scale_pages scale_measure_pages(struct scale *scale)
{
    struct scale_pages pages;
    struct scale_side *large = &scale->large;
    size_t deep = large->closed < DEEP_MAX ? large->closed : DEEP_MAX;
    char cursor[256] = "";
    read_pages(large, cursor);
    cursor[0] = '\0';
    pages.first = read_pages(large, cursor);
    for (size_t at = 2 * PAGES * PAGE_LIMIT + WALK_LIMIT; at < deep; at += WALK_LIMIT)
        read_page(large, WALK_LIMIT, cursor);
    pages.deep = read_pages(large, cursor);
    return pages;
}

static double measure_bulk(struct scale_side *side, size_t count)
{
    side->next = 0;
    run(side, check_out, count, BULK_IN_FLIGHT);
    return run(side, give_back, count, BULK_IN_FLIGHT).per_second;
}

struct scale_returns scale_measure_returns(struct scale *scale, size_t count)
{
    struct scale_returns returns;
    returns.per_second[0] = measure_bulk(&scale->small, count);
    returns.per_second[1] = measure_bulk(&scale->large, count);
    run(&scale->small, check_out, SINGLES, BULK_IN_FLIGHT);
    run(&scale->large, check_out, SINGLES, BULK_IN_FLIGHT);
    measure(scale, give_next_back, SINGLES, returns.p50);
    return returns;
}

double scale_journal_per_return(struct scale *scale, size_t count)
{
    struct scale_side *large = &scale->large;
    run(large, check_out, count, BULK_IN_FLIGHT);
    settle(large);
    side_stop(large);
    double before = bytes_of(large, "journal.db");
    side_start(scale, large);
    run(large, give_back, count, BULK_IN_FLIGHT);
    settle(large);
    side_stop(large);
    double after = bytes_of(large, "journal.db");
    side_start(scale, large);
    return (after - before) / (double)count;
}
