/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/shrink.h"

#include <stdlib.h>
#include <string.h>

/* Some seconds of trying, whatever the history. */
#define ATTEMPTS_MAX 3000

size_t shrink_run(const struct history_step *steps, size_t count, struct coverage *coverage,
                  FILE *trace, struct check_report *report)
{
    struct run *run = run_create(coverage, trace);
    size_t index = 0;
    while (index < count && run_step(run, &steps[index], report))
        index++;
    run_destroy(&run);
    return index;
}

/* The steps without those from `start` on, if they fail too: their count, else 0. */
static size_t try_without(const struct history_step *steps, size_t count, size_t start, size_t size,
                          struct history_step *candidate)
{
    struct coverage coverage = {0};
    struct check_report report;
    size_t end = start + size < count ? start + size : count;
    memcpy(candidate, steps, start * sizeof steps[0]);
    memcpy(candidate + start, steps + end, (count - end) * sizeof steps[0]);
    size_t left = count - (end - start);
    size_t failed = shrink_run(candidate, left, &coverage, NULL, &report);
    return failed < left ? failed + 1 : 0;
}

size_t shrink_steps(struct history_step *steps, size_t count)
{
    struct history_step *candidate = malloc((count + 1) * sizeof *candidate);
    size_t size = count / 2;
    for (unsigned attempts = 0; candidate && size > 0;) {
        bool dropped = false;
        for (size_t start = count; start > 0 && attempts < ATTEMPTS_MAX;) {
            start = start > size ? start - size : 0;
            size_t left = try_without(steps, count, start, size, candidate);
            attempts++;
            if (left == 0)
                continue;
            memcpy(steps, candidate, left * sizeof steps[0]);
            count = left;
            dropped = true;
            if (start > count)
                start = count;
        }
        if (!dropped || size > 1)
            size /= 2;
    }
    free(candidate);
    return count;
}
