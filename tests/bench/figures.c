/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void figures_print_head(void)
{
    printf("%-48s%12s%12s%12s\n", "", "minimum", "median", "maximum");
}

void figures_print(const struct figures *row, size_t count, int decimals)
{
    double sorted[FIGURES_ROUNDS_MAX];
    memcpy(sorted, row->rounds, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    printf("%-48s%12.*f%12.*f%12.*f\n", row->name, decimals, sorted[0], decimals, sorted[count / 2],
           decimals, sorted[count - 1]);
}

void figures_print_ratio(const char *name, const struct figures *over, const struct figures *under,
                         const struct figures *plus, size_t count)
{
    struct figures ratios = {.name = name};
    for (size_t i = 0; i < count; i++)
        ratios.rounds[i] = over->rounds[i] / (under->rounds[i] + (plus ? plus->rounds[i] : 0));
    figures_print(&ratios, count, 2);
}
