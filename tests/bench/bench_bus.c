/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Events on their way to those who follow them, beside bare libzmq sockets that move the same
 * bytes, all in one run: figures and their ratios, as minimum, median and maximum over the rounds.
 *
 * Usage: bench_bus RENTBUSD RENTBUS [EVENTS [ROUNDS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bus.h"
#include "tests/bench/figures.h"
#include "tests/bench/load.h"

#define EVENTS_MIN 10000
#define IDLE_SECONDS 20
#define MEBIBYTE 1048576.0

static size_t rounds = 3;

enum { BARE_FANOUT, FANOUT, FANOUT_CPU, BARE_WORKERS, WORKERS, RUN, BARE_STREAM, STREAM, FIGURES };

static struct figures rows[FIGURES] = {
    [BARE_FANOUT] = {.name = "bare XPUB to 8 subscribers, events/s"},
    [FANOUT] = {.name = "publish to 8 subscribers, events/s"},
    [FANOUT_CPU] = {.name = "the same, CPU of the daemon for an event, us"},
    [BARE_WORKERS] = {.name = "the bytes of 4 workers over a bare ROUTER, events/s"},
    [WORKERS] = {.name = "4 workers fetch and acknowledge, events/s"},
    [BARE_STREAM] = {.name = "a handler behind bare pipes, events/s"},
    [STREAM] = {.name = "the same behind lambda run --stream, events/s"},
    [RUN] = {.name = "4 threads of rentbus_worker_run(), events/s"},
};

static void measure(const char *program, const char *host, size_t events)
{
    size_t share = events / rounds;
    for (size_t round = 0; round < rounds; round++) {
        struct rig rig;
        rig_start(&rig, program);
        struct fanout_figures fanout = fanout_measure(&rig, share);
        rows[BARE_FANOUT].rounds[round] = fanout.bare;
        rows[FANOUT].rounds[round] = fanout.daemon;
        rows[FANOUT_CPU].rounds[round] = fanout.cpu_us;
        struct workers_figures workers = workers_measure(&rig, share);
        rows[BARE_WORKERS].rounds[round] = workers.bare;
        rows[WORKERS].rounds[round] = workers.raw;
        rows[RUN].rounds[round] = workers.run;
        struct stream_figures stream = stream_measure(&rig, host, share);
        rows[BARE_STREAM].rounds[round] = stream.bare;
        rows[STREAM].rounds[round] = stream.lambda;
        rig_stop(&rig);
    }
}

static void print_idle(const char *program)
{
    struct idle_figures idle = idle_measure(program, IDLE_SECONDS);
    printf("%d idle consumers: %.2f %% of a core, %.1f MiB\n", BUS_CONSUMERS, idle.cpu * 100,
           idle.memory / MEBIBYTE);
    printf("while 100 events/s pass them by: %.2f %% of a core, without consumers %.2f %%\n",
           idle.passing * 100, idle.alone * 100);
}

int main(int argc, char **argv)
{
    size_t events = 300000;
    if (argc == 2 && strcmp(argv[1], "--handler") == 0)
        return stream_handle();
    if (argc < 3 || argc > 5)
        load_fail("usage: bench_bus RENTBUSD RENTBUS [EVENTS [ROUNDS]]");
    if (argc > 3)
        events = strtoul(argv[3], NULL, 10);
    if (argc > 4)
        rounds = strtoul(argv[4], NULL, 10);
    if (rounds < 1 || rounds > FIGURES_ROUNDS_MAX || events / rounds < EVENTS_MIN)
        load_fail("from 1 to %d rounds, of at least %d events each", FIGURES_ROUNDS_MAX,
                  EVENTS_MIN);
    measure(argv[1], argv[2], events);
    figures_print_head();
    for (size_t i = 0; i < FIGURES; i++)
        figures_print(&rows[i], rounds, i == FANOUT_CPU ? 1 : 0);
    figures_print_ratio("publish / bare XPUB", &rows[FANOUT], &rows[BARE_FANOUT], NULL, rounds);
    figures_print_ratio("workers / bare ROUTER", &rows[WORKERS], &rows[BARE_WORKERS], NULL, rounds);
    figures_print_ratio("stream / bare pipes", &rows[STREAM], &rows[BARE_STREAM], NULL, rounds);
    fflush(stdout);
    print_idle(argv[1]);
    return 0;
}
