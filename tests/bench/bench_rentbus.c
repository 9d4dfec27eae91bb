/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Every figure that rentbus is to reach, beside its yardstick in the same run, as one table.
 *
 * Usage: bench_rentbus [--quick] [--only PART] FOLDER, that of rentbusd, rentbus and rentbus-http.
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
#include "tests/bench/streams.h"

#define MEBIBYTE 1048576.0
#define NOT_INSTALLED "not installed"
#define TOO_FEW_FILES "the system allows too few open files"
#define NOT_ASKED "" /* its line is left out */

enum line {
    GET,
    RETURN,
    RETURN_REDIS,
    RETURN_POSTGRES,
    RETURN_SINGLE,
    RETURN_TAIL,
    HTTP_GET,
    HTTP_STREAMS,
    HTTP_REQUESTS,
    FANOUT,
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
    LINES
};

static struct figures_line lines[LINES] = {
    [GET] = {"rental.get, 64 in flight, /s", "bare echo", 0.7, false},
    [RETURN] = {"durable return, 1024 in flight, /s", "bare echo", 0.3, false},
    [RETURN_REDIS] = {"durable return, 1024 in flight, /s", "Redis, each synced", 3, false},
    [RETURN_POSTGRES] = {"durable return, 1024 in flight, /s", "PostgreSQL", 30, false},
    [RETURN_SINGLE] = {"durable return, 1 in flight, p50 us", "echo + 4 KiB fdatasync", 1.3, true},
    [RETURN_TAIL] = {"durable return, 1024 in flight, p99.9 us", "its own p50", 10, true},
    [HTTP_GET] = {"GET /rentals/{id}, 64 connections, /s", "bare libmicrohttpd", 0.6, false},
    [HTTP_STREAMS] = {"5000 streams, 200 events/s to each, p99 ms", NULL, 150, true},
    [HTTP_REQUESTS] = {"  requests meanwhile, p99 ms"},
    [FANOUT] = {"publish to 8 subscribers, events/s", "bare XPUB", 0.8, false},
    [FANOUT_RELAY] = {"  beside the same, asked for and synced", "bare relay"},
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
};

static const struct size full = {5, 60000, 60000, 20480, 5, 100000, 20, 10};
static const struct size quick = {3, 30000, 20000, 10240, 2, 20000, 4, 2};

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
    figures_add(&lines[GET], figures->get, figures->echo_get);
    figures_add(&lines[RETURN], figures->return_bulk, figures->echo_bulk);
    figures_add(&lines[RETURN_SINGLE], figures->return_p50, figures->echo_p50 + figures->sync_p50);
    figures_add(&lines[RETURN_TAIL], figures->return_bulk_p999, figures->return_bulk_p50);
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
    if (!asked_for(bench, "desk", GET, HTTP_GET)) {
        lines[MEMORY].missing = NOT_ASKED;
        lines[START].missing = NOT_ASKED;
        return;
    }
    desk_open(&desk, bench->daemon, size->rounds * size->rentals + 1);
    figures_add(&lines[MEMORY], desk.bytes_per_rental, 0);
    for (size_t round = 0; round < size->rounds; round++) {
        struct desk_figures figures = desk_measure(&desk, size->rentals);
        add_desk(&figures);
        struct http_figures http = http_measure(&desk, bench->bridge, size->requests);
        figures_add(&lines[HTTP_GET], http.bridge, http.bare);
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

static void read_options(struct bench *bench, int argc, char **argv)
{
    static const struct option options[] = {{"quick", no_argument, NULL, 'q'},
                                            {"only", required_argument, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    bench->size = full;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (option == 'q')
            bench->size = quick;
        else if (option == 'o')
            bench->only = optarg;
        else
            exit(2);
    bool known = !bench->only || strcmp(bench->only, "desk") == 0 ||
                 strcmp(bench->only, "bus") == 0 || strcmp(bench->only, "idle") == 0 ||
                 strcmp(bench->only, "streams") == 0;
    if (optind != argc - 1 || !known)
        load_fail("usage: bench_rentbus [--quick] [--only desk|streams|bus|idle] FOLDER");
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
        http_serve(strtoul(argv[2], NULL, 10));
    read_options(&bench, argc, argv);
    measure_desk(&bench);
    measure_streams(&bench);
    measure_bus(&bench);
    measure_idle(&bench);
    figures_print(lines, LINES);
    return figures_unmeasured(lines, LINES) > 0;
}
