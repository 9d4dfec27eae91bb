/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Sends rows to the daemon, by the batch, each under a command id that follows from its content: so
 * a second run, or one after a crash half way, changes nothing that the first has done. Rows of one
 * kind are answered before the next kind is sent.
 */
#ifndef CLI_IMPORTER_H
#define CLI_IMPORTER_H

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/row.h"

/* Rows in one request, and requests sent and not answered: so many that the daemon always has the
 * next before it has committed the last, so few that they take little memory. */
#define CLI_IMPORTER_PACK_ROWS 256
#define CLI_IMPORTER_PACKS 8

struct cli_importer;

/* Asks the daemon how far its journal goes: what was journaled up to there was there before. */
enum cli_exit cli_importer_create(struct cli *cli, struct cli_importer **importer)
    __attribute__((warn_unused_result));
/* NULL-safe. */
void cli_importer_destroy(struct cli_importer **importer);

/* Sends a row. `place` is where it stands, with file and table borrowed to the end. A row that is
 * refused, now or later, is reported and counted; anything but CLI_EXIT_OK means that the import
 * cannot go on. */
enum cli_exit cli_importer_send(struct cli_importer *importer, const struct cli_row *row,
                                const struct cli_place *place) __attribute__((warn_unused_result));
/* The same under a command id of the caller's, which is that of this row alone, for ever. */
enum cli_exit cli_importer_send_as(struct cli_importer *importer, const struct rentbus_uuid *id,
                                   const struct cli_row *row, const struct cli_place *place)
    __attribute__((warn_unused_result));
/* Reports and counts a row that could not be read. */
void cli_importer_bad(struct cli_importer *importer, const struct cli_place *place,
                      const struct rentbus_fault *fault);
/* Waits for every answer: to be called where the source may keep the program waiting, so that no
 * request runs out of time while nobody looks. */
enum cli_exit cli_importer_settle(struct cli_importer *importer)
    __attribute__((warn_unused_result));
/* Says how far the source is read. */
void cli_importer_progress(struct cli_importer *importer, uint64_t done, uint64_t total);
/* Waits for every answer, prints the summary, and returns the exit code of the import; `exit` is
 * what the reading of the source came to. */
enum cli_exit cli_importer_finish(struct cli_importer *importer, enum cli_exit exit)
    __attribute__((warn_unused_result));

#endif
