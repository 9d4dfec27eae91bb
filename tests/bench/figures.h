/* SPDX-License-Identifier: MPL-2.0 */
/* What was measured, beside its yardstick and its target, as a table: one line for each figure. */
#ifndef RENTBUS_BENCH_FIGURES_H
#define RENTBUS_BENCH_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

#define FIGURES_ROUNDS_MAX 9

struct figures_line {
    const char *name;    /* of the figure, with its unit */
    const char *against; /* the yardstick; NULL: the figure itself has the target */
    double target;       /* of figure / yardstick, or of the figure; 0: there is none */
    bool at_most;        /* the target is not to be exceeded; else it is to be reached */
    const char *missing; /* why it was not measured; "": leave it out; NULL: it was */
    size_t rounds;       /* that have been measured */
    double figures[FIGURES_ROUNDS_MAX];
    double yardsticks[FIGURES_ROUNDS_MAX];
};

/* One more round. The yardstick is ignored where the line has none. */
void figures_add(struct figures_line *line, double figure, double yardstick);
/* The medians, minimum, median and maximum of the ratio over the rounds, and whether the median
 * ratio reaches the target: "pass" or "short". */
void figures_print(const struct figures_line *lines, size_t count);
/* How many lines were neither measured nor have a reason why not. */
size_t figures_unmeasured(const struct figures_line *lines, size_t count);

#endif
