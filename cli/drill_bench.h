/* SPDX-License-Identifier: MPL-2.0 */
/* Where a handler is drilled: it gets one event at a time, and what befalls it. One thread. */
#ifndef CLI_DRILL_BENCH_H
#define CLI_DRILL_BENCH_H

#include "cli/drill_state.h"
#include "cli/lambda_attempt.h"
#include "cli/lambda_loop.h"

/* How an event ended: as HANDLER_DONE...; it took longer than it may; we ended it. */
enum drill_outcome { DRILL_DONE, DRILL_NOT_NOW, DRILL_FAILED, DRILL_HUNG, DRILL_ENDED };

struct drill_event {
    struct rentbus_event event; /* points into `storage` */
    void *storage;              /* to be given to rentbus_free() */
    char *line;                 /* the event as JSON, with its end; owned */
    size_t line_length;
    size_t lane;                     /* the first event of its subject */
    int64_t us;                      /* how long it takes without faults, in microseconds */
    uint8_t output[DRILL_HASH_SIZE]; /* of what was printed then */
};

struct drill_report {
    enum drill_outcome outcome;
    int64_t us;                      /* how long it took */
    uint8_t output[DRILL_HASH_SIZE]; /* of a handler that printed and is DONE */
    char error[HANDLER_ERROR_SIZE];  /* "" when DONE */
};

struct drill_bench;

/* A process, and the event that it has. */
struct drill_run {
    struct drill_bench *bench;
    struct lambda_attempt attempt;
    int input; /* of one that lives long; -1: closed */
    const char *pending;
    size_t pending_length;
    int64_t begun_us;
    int64_t settled_us;
    bool settled; /* the event came to something, or the process has ended */
    bool shell;   /* it is a command of the shell, and has no event */
    bool asked;   /* to end: what it leaves then is not its fault */
    uint64_t answers;
    enum drill_outcome outcome;
    char error[HANDLER_ERROR_SIZE];
    uint8_t printed[DRILL_HASH_SIZE];
    struct lambda_source input_source;
    struct lambda_source output_source;
    struct lambda_source errors_source;
};

struct drill_bench {
    struct cli *cli;
    const struct lambda_settings *settings;
    struct lambda_loop loop;
    int timer;
    bool due; /* it has gone off */
    struct lambda_source timer_source;
    struct drill_run runs[2]; /* the second one is for overlaps */
    uint64_t started;         /* how often an event was given */
    uint64_t left;            /* processes that ended of themselves and left others behind */
};

/* All that return an int: 0, -ECANCELED when a signal asked us to end, or another negative errno.
 */
int drill_bench_open(struct drill_bench *bench, struct cli *cli,
                     const struct lambda_settings *settings) __attribute__((warn_unused_result));
/* Kills what still runs. */
void drill_bench_close(struct drill_bench *bench);

/* Gives the event, and waits until it came to something. */
int drill_give(struct drill_bench *bench, const struct drill_event *event, unsigned attempt,
               struct drill_report *report) __attribute__((warn_unused_result));
/* The same, and ends the handler `delay_us` later: kills it, or asks it to end. ENDED, unless it
 * came to something before. */
int drill_kill(struct drill_bench *bench, const struct drill_event *event, unsigned attempt,
               int64_t delay_us, struct drill_report *report) __attribute__((warn_unused_result));
int drill_stop(struct drill_bench *bench, const struct drill_event *event, unsigned attempt,
               int64_t delay_us, struct drill_report *report) __attribute__((warn_unused_result));
/* The same, but the handler stands still from then on while another one gets the event, whose
 * report it is. The first goes on when the other is done, or has waited for `hold_ms`. */
int drill_overlap(struct drill_bench *bench, const struct drill_event *event, unsigned attempt,
                  int64_t delay_us, int64_t hold_ms, struct drill_report *report)
    __attribute__((warn_unused_result));
/* No event comes any more: waits for the end of a handler that lives long. */
int drill_finish(struct drill_bench *bench, struct drill_report *report)
    __attribute__((warn_unused_result));
/* Runs a command of the shell to its end. */
int drill_shell(struct drill_bench *bench, char *command, struct drill_report *report)
    __attribute__((warn_unused_result));

/* "DONE", "NOT_NOW", "FAILED", "HUNG", "ENDED". */
const char *drill_outcome_text(enum drill_outcome outcome);

#endif
