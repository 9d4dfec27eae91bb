/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/load.h"

#define CELL_SIZE 16

struct spread {
    double minimum;
    double median;
    double maximum;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct spread spread_of(const double *rounds, size_t count)
{
    double sorted[FIGURES_ROUNDS_MAX];
    memcpy(sorted, rounds, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    return (struct spread){sorted[0], sorted[count / 2], sorted[count - 1]};
}

static struct spread ratio_of(const struct figures_line *line)
{
    double ratios[FIGURES_ROUNDS_MAX];
    for (size_t i = 0; i < line->rounds; i++)
        ratios[i] = line->against ? line->figures[i] / line->yardsticks[i] : line->figures[i];
    return spread_of(ratios, line->rounds);
}

void figures_add(struct figures_line *line, double figure, double yardstick)
{
    if (line->rounds == FIGURES_ROUNDS_MAX)
        load_fail("%s: too many rounds", line->name);
    if (line->against && yardstick <= 0)
        load_fail("%s: there is nothing to compare with", line->name);
    line->figures[line->rounds] = figure;
    line->yardsticks[line->rounds++] = yardstick;
}

/* Three digits that count, at least. */
static const char *number(double value, char cell[CELL_SIZE])
{
    int decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
    snprintf(cell, CELL_SIZE, "%.*f", decimals, value);
    return cell;
}

static const char *verdict(const struct figures_line *line, double ratio)
{
    if (line->target <= 0)
        return "";
    return (line->at_most ? ratio <= line->target : ratio >= line->target) ? "pass" : "short";
}

static void print_line(const struct figures_line *line)
{
    char cells[6][CELL_SIZE] = {"", "", "", "", "", ""};
    if (line->missing && line->missing[0] == '\0')
        return;
    if (line->rounds == 0) {
        printf("%-50s %s\n", line->name, line->missing ? line->missing : "not measured");
        return;
    }
    struct spread ratio = ratio_of(line);
    number(spread_of(line->figures, line->rounds).median, cells[0]);
    if (line->against)
        number(spread_of(line->yardsticks, line->rounds).median, cells[1]);
    number(ratio.minimum, cells[2]);
    number(ratio.median, cells[3]);
    number(ratio.maximum, cells[4]);
    if (line->target > 0)
        number(line->target, cells[5]);
    printf("%-50s%10s%10s  %-24s%9s%9s%9s  %s%8s  %s\n", line->name, cells[0], cells[1],
           line->against ? line->against : "", cells[2], cells[3], cells[4],
           line->target <= 0 ? "  "
           : line->at_most   ? "<="
                             : ">=",
           cells[5], verdict(line, ratio.median));
}

void figures_print(const struct figures_line *lines, size_t count)
{
    printf("%-50s%10s%10s  %-24s%9s%9s%9s  %10s\n", "figure", "median", "yardstick", "which is",
           "minimum", "median", "maximum", "target");
    for (size_t i = 0; i < count; i++)
        print_line(&lines[i]);
    fflush(stdout);
}

size_t figures_unmeasured(const struct figures_line *lines, size_t count)
{
    size_t unmeasured = 0;
    for (size_t i = 0; i < count; i++)
        unmeasured += lines[i].rounds == 0 && !lines[i].missing;
    return unmeasured;
}
