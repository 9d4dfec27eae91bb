/* SPDX-License-Identifier: MPL-2.0 */
/* What a benchmark measured, as a table: minimum, median and maximum over its rounds. */
#ifndef RENTBUS_BENCH_FIGURES_H
#define RENTBUS_BENCH_FIGURES_H

#include <stddef.h>

#define FIGURES_ROUNDS_MAX 9

struct figures {
    const char *name;
    double rounds[FIGURES_ROUNDS_MAX];
};

void figures_print_head(void);
/* Of the first `count` rounds. */
void figures_print(const struct figures *row, size_t count, int decimals);
/* What each round of `over` is to the same round of `under`, or of `under` and `plus` (may be NULL)
 * together. */
void figures_print_ratio(const char *name, const struct figures *over, const struct figures *under,
                         const struct figures *plus, size_t count);

#endif
