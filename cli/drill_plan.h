/* SPDX-License-Identifier: MPL-2.0 */
/* What a drill does to a handler: which events it gets, in which order, and what befalls it with
 * each. Pure: a seed decides. */
#ifndef CLI_DRILL_PLAN_H
#define CLI_DRILL_PLAN_H

#include <stddef.h>
#include <stdint.h>

enum drill_phase {
    DRILL_BASELINE,   /* each event once, in order */
    DRILL_DUPLICATES, /* each once more behind up to 8 others, and some of them at once, too */
    DRILL_CRASHES,    /* each handler is killed, some twice, and the event is given again */
    DRILL_DELAYS,     /* subjects wait for others, or a handler while another has its event */
    DRILL_STOPS,      /* each handler is asked to end, and the event is given again */
};
#define DRILL_PHASE_COUNT 5

enum drill_fault {
    DRILL_PLAIN,
    DRILL_AGAIN,   /* the event was given before */
    DRILL_KILL,    /* at the moment, by SIGKILL */
    DRILL_LATE,    /* behind events that came after it */
    DRILL_OVERLAP, /* at the moment it stands still, while another gets the same event */
    DRILL_STOP,    /* at the moment, by SIGTERM */
};

struct drill_step {
    size_t event; /* from 0 */
    enum drill_fault fault;
    unsigned moment;  /* in thousandths of the time that the handler takes; over 1000: behind it */
    unsigned attempt; /* that the handler is told, from 1 */
};
#define DRILL_MOMENT_MAX 1100

/* Zero it first. */
struct drill_plan {
    struct drill_step *steps;
    size_t count;
    size_t capacity;
};

/* `lanes` are `count` numbers below `count`: events of the same lane stay in order. 0, or -ENOMEM;
 * to be released in both cases. */
int drill_plan_make(struct drill_plan *plan, enum drill_phase phase, const size_t *lanes,
                    size_t count, uint64_t seed) __attribute__((warn_unused_result));
void drill_plan_release(struct drill_plan *plan);

/* "baseline", "duplicates"...; "plain", "again"... */
const char *drill_phase_text(enum drill_phase phase);
const char *drill_fault_text(enum drill_fault fault);

#endif
