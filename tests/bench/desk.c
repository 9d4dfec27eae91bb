/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/desk.h"

#include <signal.h>
#include <stdio.h>
#include <zmq.h>

#include "tests/bench/ask.h"
#include "tests/bench/load.h"
#include "tests/bench/requests.h"

#define PREPARE_IN_FLIGHT 1024
#define BULK_IN_FLIGHT 1024
#define GET_IN_FLIGHT 64
#define GETS 20000
#define GET_TURNS 5
#define SINGLES 1000
/* What a bare ledger's log has room for, once it has grown. */
#define RECORDED 20000

static struct load_figures run(void *socket, load_request *request, void *context, size_t count,
                               size_t in_flight, bool check)
{
    struct load load = {.socket = socket,
                        .request = request,
                        .context = context,
                        .count = count,
                        .in_flight = in_flight,
                        .check = check};
    return load_run(&load);
}

void desk_find_rental(struct desk *desk, char id[RENTBUS_UUID_TEXT_SIZE + 1])
{
    struct rentbus_rental_list_args args = {0};
    RENTBUS_SET(&args, rental_list_args, limit, 1);
    RENTBUS_SET(&args, rental_list_args, status, RENTBUS_STATUS_IN_PROGRESS);
    struct rentbus_bytes reply = ask(desk->daemon, RENTBUS_OP_rental_list, &args);
    load_find_rental(reply.data, reply.length, id);
}

/* What waits for the archive is no part of an open rental. */
static void settle(const struct desk *desk)
{
    ask_until_archived(desk->daemon, desk->rig.pid);
}

/* ---- the bare ledger ---- */

/* The bytes of the last events, and of the request's reply, are those of a return. */
static void size_ledger(struct desk *desk, struct bare_ledger_settings *settings)
{
    struct rentbus_events_read_args args = {0};
    struct rentbus_event_page page;
    struct rentbus_event event;
    size_t end = 0;
    settings->reply_size =
        run(desk->daemon, requests_give_back, &desk->next, 1, 1, true).reply_size;
    RENTBUS_SET(&args, events_read_args, limit, BARE_LEDGER_RECORDS);
    RENTBUS_SET(&args, events_read_args, from_seq,
                ask_stats(desk->daemon).head - BARE_LEDGER_RECORDS + 1);
    ask_for(desk->daemon, RENTBUS_OP_events_read, &args, &rentbus_event_page_schema, &page);
    for (size_t i = 0; i < BARE_LEDGER_RECORDS; i++) {
        size_t start = end;
        if (rentbus_list_next(&page.events, &rentbus_event_schema, &end, &event) != 1)
            load_fail("the events of a return cannot be read");
        settings->records[i] = end - start;
    }
    desk->next++;
}

static double record(struct desk *desk)
{
    size_t first = 0;
    double figure =
        run(desk->recorder, requests_give_back, &first, RECORDED, BULK_IN_FLIGHT, false).per_second;
    bare_ledger_settle(desk->ledger);
    return figure;
}

static void open_ledger(struct desk *desk)
{
    struct bare_ledger_settings settings = {.endpoint = desk->rig.ledger};
    snprintf(settings.path, sizeof settings.path, "%s/bare.db", desk->rig.directory);
    size_ledger(desk, &settings);
    desk->ledger = bare_ledger_start(&settings);
    record(desk); /* until its log has grown */
}

/* ---- opening ---- */

static void connect_all(struct desk *desk)
{
    desk->zmq = zmq_ctx_new();
    desk->daemon = load_connect(desk->zmq, desk->rig.api);
    desk->bare = load_connect(desk->zmq, desk->rig.bare);
    desk->recorder = load_connect(desk->zmq, desk->rig.ledger);
}

static void disconnect_all(struct desk *desk)
{
    zmq_close(desk->recorder);
    zmq_close(desk->bare);
    zmq_close(desk->daemon);
    zmq_ctx_term(desk->zmq);
}

void desk_open(struct desk *desk, const char *program, size_t rentals)
{
    size_t warm = rentals / 4; /* what grows once, grows with these */
    *desk = (struct desk){.program = program, .rentals = rentals};
    rig_start(&desk->rig, program);
    connect_all(desk);
    echo_start(&desk->echo, desk->rig.bare);
    run(desk->daemon, requests_put_user, NULL, REQUESTS_USERS, PREPARE_IN_FLIGHT, true);
    run(desk->daemon, requests_put_asset, NULL, rentals, PREPARE_IN_FLIGHT, true);
    run(desk->daemon, requests_check_out, NULL, warm, PREPARE_IN_FLIGHT, true);
    settle(desk);
    double before = rig_memory(&desk->rig);
    run(desk->daemon, requests_check_out, &warm, rentals - warm, PREPARE_IN_FLIGHT, true);
    settle(desk);
    desk->bytes_per_rental = (rig_memory(&desk->rig) - before) / (double)(rentals - warm);
    open_ledger(desk);
}

void desk_close(struct desk *desk)
{
    disconnect_all(desk);
    bare_ledger_stop(desk->ledger);
    echo_stop(&desk->echo);
    rig_stop(&desk->rig);
}

static void measure_bulk(struct desk *desk, size_t count, struct desk_figures *figures)
{
    double start = load_clock();
    struct load_figures daemon =
        run(desk->daemon, requests_give_back, &desk->next, count, BULK_IN_FLIGHT, true);
    desk->echo.reply_size = daemon.reply_size;
    settle(desk);
    figures->return_archived = (double)count / (load_clock() - start);
    struct load_figures bare =
        run(desk->bare, requests_give_back, &desk->next, count, BULK_IN_FLIGHT, false);
    figures->ledger_bulk = record(desk);
    bare_ledger_follow(desk->ledger, true);
    figures->ledger_read_bulk = record(desk);
    bare_ledger_follow(desk->ledger, false);
    desk->next += count;
    figures->return_bulk = daemon.per_second;
    figures->return_bulk_p50 = daemon.p50_us;
    figures->return_bulk_p999 = daemon.p999_us;
    figures->echo_bulk = bare.per_second;
}

static void measure_single(struct desk *desk, struct desk_figures *figures)
{
    struct load_figures daemon =
        run(desk->daemon, requests_give_back, &desk->next, SINGLES, 1, true);
    desk->echo.reply_size = daemon.reply_size;
    figures->return_p50 = daemon.p50_us;
    settle(desk);
    figures->echo_p50 = run(desk->bare, requests_give_back, &desk->next, SINGLES, 1, false).p50_us;
    figures->ledger_p50 =
        run(desk->recorder, requests_give_back, &desk->next, SINGLES, 1, false).p50_us;
    figures->sync_p50 = echo_sync_us(desk->rig.directory);
    desk->next += SINGLES;
}

/* Both in turn: a machine that others use, too, is not the same for long. */
static void measure_reads(struct desk *desk, load_request *request, void *context, double *daemon,
                          double *bare)
{
    double seconds[2] = {0};
    for (size_t turn = 0; turn < GET_TURNS; turn++) {
        struct load_figures figures =
            run(desk->daemon, request, context, GETS, GET_IN_FLIGHT, true);
        desk->echo.reply_size = figures.reply_size;
        seconds[0] += GETS / figures.per_second;
        seconds[1] +=
            GETS / run(desk->bare, request, context, GETS, GET_IN_FLIGHT, false).per_second;
    }
    *daemon = GET_TURNS * GETS / seconds[0];
    *bare = GET_TURNS * GETS / seconds[1];
}

struct desk_figures desk_measure(struct desk *desk, size_t count)
{
    struct desk_figures figures;
    char id[RENTBUS_UUID_TEXT_SIZE + 1];
    if (count < DESK_ROUND_MIN || desk->next + count >= desk->rentals)
        load_fail("there are too few rentals");
    measure_bulk(desk, count - SINGLES, &figures);
    measure_single(desk, &figures);
    desk_find_rental(desk, id);
    measure_reads(desk, requests_get_rental, id, &figures.get, &figures.echo_get);
    desk->echo.polls = true;
    figures.polled_get =
        run(desk->bare, requests_get_rental, id, GET_TURNS * GETS, GET_IN_FLIGHT, false).per_second;
    desk->echo.polls = false;
    measure_reads(desk, requests_hello, NULL, &figures.hello, &figures.echo_hello);
    return figures;
}

size_t desk_echo_gets(struct desk *desk)
{
    struct rentbus_uuid id = {{1}};
    struct rentbus_buffer request = {0};
    char rental[RENTBUS_UUID_TEXT_SIZE + 1];
    desk_find_rental(desk, rental);
    requests_get_rental(rental, 0, &id, &request);
    size_t size = request.length;
    desk->echo.reply_size = run(desk->daemon, requests_get_rental, rental, 1, 1, true).reply_size;
    rentbus_buffer_release(&request);
    return size;
}

double desk_restart(struct desk *desk)
{
    disconnect_all(desk);
    rig_end(desk->rig.pid, SIGTERM);
    double start = load_clock();
    rig_run(&desk->rig, desk->program);
    connect_all(desk);
    ask_stats(desk->daemon);
    return load_clock() - start;
}
