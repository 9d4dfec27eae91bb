/* SPDX-License-Identifier: MPL-2.0 */
/* A progress bar on standard error, when that is a terminal. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct cli_progress {
    bool wanted;
    bool shown;
    int64_t begun_ms; /* monotonic */
    int64_t drawn_ms;
};

/* `quiet`: show nothing, terminal or not. */
void cli_progress_begin(struct cli_progress *progress, bool quiet);
/* Redraws it, at most ten times a second. `done` of `total` of any unit; total 0: unknown. */
void cli_progress_show(struct cli_progress *progress, uint64_t done, uint64_t total, uint64_t rows);
/* Takes it away, before anything else is written there and at the end. */
void cli_progress_clear(struct cli_progress *progress);

#endif
