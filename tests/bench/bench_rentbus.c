/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Every figure that rentbus is to reach, beside its yardstick in the same run, as one table.
 *
 * Usage: bench_rentbus [--quick] [--only PART] [--rentals N] FOLDER, that of rentbusd, rentbus and
 * rentbus-http. N is how many closed rentals a large ledger has.
 * Ends with 1 when something could not be measured that should have been; a figure that is short of
 * its target is no failure.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bus.h"
#include "tests/bench/desk.h"
#include "tests/bench/figures.h"
#include "tests/bench/http.h"
#include "tests/bench/load.h"
#include "tests/bench/postgres.h"
#include "tests/bench/redis.h"
#include "tests/bench/scale.h"
#include "tests/bench/streams.h"

#define MEBIBYTE 1048576.0
#define NOT_INSTALLED "not installed"
#define TOO_FEW_FILES "the system allows too few open files"
#define NO_ROOM "there is no room for it in /tmp"
#define SMALL "10 k closed rentals"
#define NOT_ASKED "" /* its line is left out */

enum line {
    GET,
    POLLED,
    HELLO,
    GET_HELLO,
    RETURN,
    RETURN_ARCHIVED,
    LEDGER,
    RETURN_LEDGER,
    LEDGER_READ,
    RETURN_LEDGER_READ,
    RETURN_REDIS,
    RETURN_POSTGRES,
    RETURN_SINGLE,
    LEDGER_SINGLE,
    RETURN_SINGLE_LEDGER,
    RETURN_TAIL,
    HTTP_GET,
    BARE_BRIDGE,
    HTTP_GET_BRIDGE,
    HTTP_STREAMS,
    HTTP_REQUESTS,
    FANOUT,
    RELAY,
    FANOUT_RELAY,
    FANOUT_CPU,
    WORKERS,
    WORKERS_BARE,
    WORKERS_RUN,
    STREAM,
    STREAM_BARE,
    IDLE_CPU,
    IDLE_MEMORY,
    IDLE_PASSING,
    MEMORY,
    START,
    SCALE_START,
    SCALE_MEMORY,
    SCALE_GET,
    SCALE_GET_CLOSED,
    SCALE_LIST,
    SCALE_HISTORY,
    SCALE_PAGE,
    SCALE_RETURN,
    SCALE_RETURN_BULK,
    SCALE_JOURNAL,
    SCALE_ARCHIVE,
    LINES
};

static struct figures_line lines[LINES] = {
    [GET] = {"rental.get, 64 in flight, /s", "bare echo", 0.7, false},
    [POLLED] = {"  floor: an echo that polls two descriptors, /s", "bare echo"},
    [HELLO] = {"  floor: hello, which does nothing, /s", "bare echo"},
    [GET_HELLO] = {"  rental.get beside that floor", "hello"},
    [RETURN] = {"durable return, 1024 in flight, /s", "bare echo", 0.3, false},
    [RETURN_ARCHIVED] = {"  until the archive has them too, /s", "bare echo"},
    [LEDGER] = {"  floor: two records hashed and synced, /s", "bare echo"},
    [RETURN_LEDGER] = {"  the return beside that floor", "bare ledger"},
    [LEDGER_READ] = {"  floor: the same, and read again, /s", "bare echo"},
    [RETURN_LEDGER_READ] = {"  the archived return beside that floor", "bare ledger, read again"},
    [RETURN_REDIS] = {"durable return, 1024 in flight, /s", "Redis, each synced", 3, false},
    [RETURN_POSTGRES] = {"durable return, 1024 in flight, /s", "PostgreSQL", 30, false},
    [RETURN_SINGLE] = {"durable return, 1 in flight, p50 us", "echo + 4 KiB fdatasync", 1.3, true},
    [LEDGER_SINGLE] = {"  floor: two records hashed and synced, p50 us", "echo + 4 KiB fdatasync"},
    [RETURN_SINGLE_LEDGER] = {"  the return beside that floor", "bare ledger"},
    [RETURN_TAIL] = {"durable return, 1024 in flight, p99.9 us", "its own p50", 10, true},
    [HTTP_GET] = {"GET /rentals/{id}, 64 connections, /s", "bare libmicrohttpd", 0.6, false},
    [BARE_BRIDGE] = {"  floor: bare bridge to a bare echo, /s", "bare libmicrohttpd"},
    [HTTP_GET_BRIDGE] = {"  the read beside that floor", "bare bridge"},
    [HTTP_STREAMS] = {"5000 streams, 200 events/s to each, p99 ms", NULL, 150, true},
    [HTTP_REQUESTS] = {"  requests meanwhile, p99 ms"},
    [FANOUT] = {"publish to 8 subscribers, events/s", "bare XPUB", 0.8, false},
    [RELAY] = {"  floor: the same, asked for and synced, /s", "bare XPUB"},
    [FANOUT_RELAY] = {"  publishing beside that floor", "bare relay"},
    [FANOUT_CPU] = {"  CPU of the daemon for each event, us"},
    [WORKERS] = {"4 workers fetch and acknowledge, events/s", NULL, 50000, false},
    [WORKERS_BARE] = {"  beside the same bytes", "bare ROUTER"},
    [WORKERS_RUN] = {"  4 threads of rentbus_worker_run(), events/s"},
    [STREAM] = {"lambda run --stream, events/s", NULL, 20000, false},
    [STREAM_BARE] = {"  beside the same handler", "bare pipes"},
    [IDLE_CPU] = {"1000 idle consumers, % of a core", NULL, 5, true},
    [IDLE_MEMORY] = {"1000 idle consumers, MiB", NULL, 20, true},
    [IDLE_PASSING] = {"  while 100 events/s pass them by, % of a core"},
    [MEMORY] = {"memory for each open rental, bytes", NULL, 400, true},
    [START] = {"start on the ledger of this run, s", NULL, 3, true},
    [SCALE_START] = {"start of a large ledger, s", NULL, 3, true},
    [SCALE_MEMORY] = {"  its memory, MiB"},
    [SCALE_GET] = {"  rental.get, open, 1 in flight, p50 us", SMALL, 1.2, true},
    [SCALE_GET_CLOSED] = {"  rental.get, closed, 1 in flight, p50 us", SMALL},
    [SCALE_LIST] = {"  rentals of a user, 1 in flight, p50 us", SMALL},
    [SCALE_HISTORY] = {"  history of a user, 1 in flight, p50 us", SMALL},
    [SCALE_PAGE] = {"  page of 100 closed rentals, deep, us", "at the beginning", 1.2, true},
    [SCALE_RETURN] = {"  durable return, 1 in flight, p50 us", SMALL, 1.2, true},
    [SCALE_RETURN_BULK] = {"  durable return, 1024 in flight, /s", SMALL},
    [SCALE_JOURNAL] = {"  journal, bytes for each return"},
    [SCALE_ARCHIVE] = {"  archive, bytes for each rental"},
};

/* How much of everything, in each round. */
struct size {
    size_t rounds;
    size_t rentals;
    size_t requests; /* over HTTP */
    size_t redis;    /* returns for each pipeline */
    unsigned postgres_seconds;
    size_t events;
    double idle_seconds;
    size_t stream_seconds;
    size_t closed; /* rentals of the large ledger */
    size_t scale_requests;
};

static const struct size full = {5, 60000, 60000, 20480, 5, 100000, 20, 10, SCALE_MAX, 5000};
static const struct size quick = {3, 30000, 20000, 10240, 2, 60000, 4, 2, 200000, 1000};

struct bench {
    struct size size;
    const char *only; /* part; NULL: all */
    char daemon[512];
    char client[512];
    char bridge[512];
};

static bool asked_for(const struct bench *bench, const char *part, enum line first, enum line last)
{
    if (!bench->only || strcmp(bench->only, part) == 0) {
        fprintf(stderr, "measuring: %s\n", part);
        return true;
    }
    for (enum line line = first; line <= last; line++)
        lines[line].missing = NOT_ASKED;
    return false;
}

static void add_desk(const struct desk_figures *figures)
{
    double single = figures->echo_p50 + figures->sync_p50;
    figures_add(&lines[GET], figures->get, figures->echo_get);
    figures_add(&lines[POLLED], figures->polled_get, figures->echo_get);
    figures_add(&lines[HELLO], figures->hello, figures->echo_hello);
    figures_add(&lines[GET_HELLO], figures->get, figures->hello);
    figures_add(&lines[RETURN], figures->return_bulk, figures->echo_bulk);
    figures_add(&lines[RETURN_ARCHIVED], figures->return_archived, figures->echo_bulk);
    figures_add(&lines[LEDGER], figures->ledger_bulk, figures->echo_bulk);
    figures_add(&lines[RETURN_LEDGER], figures->return_bulk, figures->ledger_bulk);
    figures_add(&lines[LEDGER_READ], figures->ledger_read_bulk, figures->echo_bulk);
    figures_add(&lines[RETURN_LEDGER_READ], figures->return_archived, figures->ledger_read_bulk);
    figures_add(&lines[RETURN_SINGLE], figures->return_p50, single);
    figures_add(&lines[LEDGER_SINGLE], figures->ledger_p50, single);
    figures_add(&lines[RETURN_SINGLE_LEDGER], figures->return_p50, figures->ledger_p50);
    figures_add(&lines[RETURN_TAIL], figures->return_bulk_p999, figures->return_bulk_p50);
}

static void add_http(const struct http_figures *figures)
{
    figures_add(&lines[HTTP_GET], figures->bridge, figures->bare);
    figures_add(&lines[BARE_BRIDGE], figures->bare_bridge, figures->bare);
    figures_add(&lines[HTTP_GET_BRIDGE], figures->bridge, figures->bare_bridge);
}

/* The same returns elsewhere, beside those of the same round here. */
static void measure_others(const struct bench *bench)
{
    static struct redis redis;
    static struct postgres postgres;
    const struct size *size = &bench->size;
    const double *returns = lines[RETURN].figures;
    lines[RETURN_REDIS].missing = NOT_INSTALLED;
    lines[RETURN_POSTGRES].missing = NOT_INSTALLED;
    if (redis_open(&redis, size->rounds * REDIS_PIPELINES * size->redis)) {
        for (size_t round = 0; round < size->rounds; round++)
            figures_add(&lines[RETURN_REDIS], returns[round], redis_measure(&redis, size->redis));
        redis_close(&redis);
    }
    if (postgres_open(&postgres, size->rounds * size->postgres_seconds * POSTGRES_RATE_MAX)) {
        for (size_t round = 0; round < size->rounds; round++)
            figures_add(&lines[RETURN_POSTGRES], returns[round],
                        postgres_measure(&postgres, size->postgres_seconds));
        postgres_close(&postgres);
    }
}

static void measure_desk(const struct bench *bench)
{
    static struct desk desk;
    const struct size *size = &bench->size;
    if (!asked_for(bench, "desk", GET, HTTP_GET_BRIDGE)) {
        lines[MEMORY].missing = NOT_ASKED;
        lines[START].missing = NOT_ASKED;
        return;
    }
    desk_open(&desk, bench->daemon, size->rounds * size->rentals + 2);
    figures_add(&lines[MEMORY], desk.bytes_per_rental, 0);
    for (size_t round = 0; round < size->rounds; round++) {
        struct desk_figures figures = desk_measure(&desk, size->rentals);
        add_desk(&figures);
        struct http_figures http = http_measure(&desk, bench->bridge, size->requests);
        add_http(&http);
    }
    figures_add(&lines[START], desk_restart(&desk), 0);
    desk_close(&desk);
    measure_others(bench);
}

static void measure_streams(const struct bench *bench)
{
    const struct streams_load load = {5000, 200, bench->size.stream_seconds};
    if (!asked_for(bench, "streams", HTTP_STREAMS, HTTP_REQUESTS))
        return;
    if (!streams_allowed(load.streams)) {
        lines[HTTP_STREAMS].missing = TOO_FEW_FILES;
        lines[HTTP_REQUESTS].missing = NOT_ASKED;
        return;
    }
    for (size_t round = 0; round < bench->size.rounds; round++) {
        struct streams_figures figures = streams_measure(bench->daemon, bench->bridge, &load);
        figures_add(&lines[HTTP_STREAMS], figures.p99, 0);
        figures_add(&lines[HTTP_REQUESTS], figures.request_p99, 0);
    }
}

static void measure_bus(const struct bench *bench)
{
    if (!asked_for(bench, "bus", FANOUT, STREAM_BARE))
        return;
    for (size_t round = 0; round < bench->size.rounds; round++) {
        struct rig rig;
        rig_start(&rig, bench->daemon);
        struct fanout_figures fanout = fanout_measure(&rig, bench->size.events);
        figures_add(&lines[FANOUT], fanout.daemon, fanout.bare);
        figures_add(&lines[RELAY], fanout.relay, fanout.bare);
        figures_add(&lines[FANOUT_RELAY], fanout.daemon, fanout.relay);
        figures_add(&lines[FANOUT_CPU], fanout.cpu_us, 0);
        struct workers_figures workers = workers_measure(&rig, bench->size.events);
        figures_add(&lines[WORKERS], workers.raw, 0);
        figures_add(&lines[WORKERS_BARE], workers.raw, workers.bare);
        figures_add(&lines[WORKERS_RUN], workers.run, 0);
        struct stream_figures stream = stream_measure(&rig, bench->client, bench->size.events);
        figures_add(&lines[STREAM], stream.lambda, 0);
        figures_add(&lines[STREAM_BARE], stream.lambda, stream.bare);
        rig_stop(&rig);
    }
}

static void measure_idle(const struct bench *bench)
{
    if (!asked_for(bench, "idle", IDLE_CPU, IDLE_PASSING))
        return;
    struct idle_figures idle = idle_measure(bench->daemon, bench->size.idle_seconds);
    figures_add(&lines[IDLE_CPU], idle.cpu * 100, 0);
    figures_add(&lines[IDLE_MEMORY], idle.memory / MEBIBYTE, 0);
    figures_add(&lines[IDLE_PASSING], (idle.passing - idle.alone) * 100, 0);
}

static void add_reads(const struct scale_reads *reads)
{
    figures_add(&lines[SCALE_GET], reads->get[1], reads->get[0]);
    figures_add(&lines[SCALE_GET_CLOSED], reads->get_closed[1], reads->get_closed[0]);
    figures_add(&lines[SCALE_LIST], reads->list[1], reads->list[0]);
    figures_add(&lines[SCALE_HISTORY], reads->history[1], reads->history[0]);
}

static void measure_scale(const struct bench *bench)
{
    static struct scale scale;
    const struct size *size = &bench->size;
    if (!asked_for(bench, "scale", SCALE_START, SCALE_ARCHIVE))
        return;
    if (!scale_open(&scale, bench->daemon, bench->client, size->closed)) {
        for (enum line line = SCALE_START + 1; line <= SCALE_ARCHIVE; line++)
            lines[line].missing = NOT_ASKED;
        lines[SCALE_START].missing = NO_ROOM;
        return;
    }
    struct scale_start start = scale_start(&scale);
    figures_add(&lines[SCALE_START], start.seconds, 0);
    figures_add(&lines[SCALE_MEMORY], start.memory / MEBIBYTE, 0);
    figures_add(&lines[SCALE_ARCHIVE], start.archive_per_rental, 0);
    for (size_t round = 0; round < size->rounds; round++) {
        struct scale_reads reads = scale_measure_reads(&scale, size->scale_requests);
        struct scale_pages pages = scale_measure_pages(&scale);
        add_reads(&reads);
        figures_add(&lines[SCALE_PAGE], pages.deep, pages.first);
    }
    for (size_t round = 0; round < size->rounds; round++) {
        struct scale_returns returns = scale_measure_returns(&scale, SCALE_SMALL / 2);
        figures_add(&lines[SCALE_RETURN], returns.p50[1], returns.p50[0]);
        figures_add(&lines[SCALE_RETURN_BULK], returns.per_second[1], returns.per_second[0]);
    }
    figures_add(&lines[SCALE_JOURNAL], scale_journal_per_return(&scale, 2 * SCALE_SMALL), 0);
    scale_close(&scale);
}

static bool known_part(const char *part)
{
    static const char *const parts[] = {"desk", "streams", "bus", "idle", "scale"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(part, parts[i]) == 0)
            return true;
    return false;
}

static void read_options(struct bench *bench, int argc, char **argv)
{
    static const struct option options[] = {{"quick", no_argument, NULL, 'q'},
                                            {"only", required_argument, NULL, 'o'},
                                            {"rentals", required_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    size_t rentals = 0;
    bench->size = full;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (option == 'q')
            bench->size = quick;
        else if (option == 'o')
            bench->only = optarg;
        else if (option == 'r')
            rentals = strtoul(optarg, NULL, 10);
        else
            exit(2);
    bool sound = rentals == 0 || (rentals >= SCALE_LARGE_MIN && rentals <= SCALE_MAX);
    if (optind != argc - 1 || (bench->only && !known_part(bench->only)) || !sound)
        load_fail("usage: bench_rentbus [--quick] [--only desk|streams|bus|idle|scale] "
                  "[--rentals N] FOLDER, with N from %d to %d",
                  SCALE_LARGE_MIN, SCALE_MAX);
    if (rentals)
        bench->size.closed = rentals;
    snprintf(bench->daemon, sizeof bench->daemon, "%s/rentbusd", argv[optind]);
    snprintf(bench->client, sizeof bench->client, "%s/rentbus", argv[optind]);
    snprintf(bench->bridge, sizeof bench->bridge, "%s/rentbus-http", argv[optind]);
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    if (argc == 2 && strcmp(argv[1], "--handler") == 0)
        return stream_handle();
    if (argc == 3 && strcmp(argv[1], "--static") == 0)
        http_serve(strtoul(argv[2], NULL, 10), NULL);
    if (argc == 5 && strcmp(argv[1], "--bridge") == 0)
        http_serve(strtoul(argv[2], NULL, 10),
                   &(struct http_question){argv[4], strtoul(argv[3], NULL, 10)});
    read_options(&bench, argc, argv);
    measure_desk(&bench);
    measure_streams(&bench);
    measure_bus(&bench);
    measure_idle(&bench);
    measure_scale(&bench);
    figures_print(lines, LINES);
    return figures_unmeasured(lines, LINES) > 0;
}
