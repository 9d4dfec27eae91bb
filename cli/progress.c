/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_MS 100
#define BAR_WIDTH 24
#define LINE_WIDTH 70

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void cli_progress_begin(struct cli_progress *progress, bool quiet)
{
    *progress =
        (struct cli_progress){.wanted = !quiet && isatty(STDERR_FILENO), .begun_ms = now_ms()};
}

void cli_progress_show(struct cli_progress *progress, uint64_t done, uint64_t total, uint64_t rows)
{
    char bar[BAR_WIDTH + 1];
    char line[LINE_WIDTH * 2];
    int64_t now = progress->wanted ? now_ms() : 0;
    if (!progress->wanted || now - progress->drawn_ms < REDRAW_MS)
        return;
    double part = total > 0 ? (double)done / (double)total : 0;
    if (part > 1)
        part = 1;
    size_t full = (size_t)(part * BAR_WIDTH);
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', full);
    bar[BAR_WIDTH] = '\0';
    double seconds = (double)(now - progress->begun_ms) / 1000;
    snprintf(line, sizeof(line), "[%s] %3d %%  %llu rows  %.0f rows/s", bar, (int)(part * 100),
             (unsigned long long)rows, seconds > 0 ? (double)rows / seconds : 0);
    fprintf(stderr, "\r%-*s", LINE_WIDTH, line);
    progress->drawn_ms = now;
    progress->shown = true;
}

void cli_progress_clear(struct cli_progress *progress)
{
    if (progress->shown)
        fprintf(stderr, "\r%*s\r", LINE_WIDTH, "");
    progress->shown = false;
}
