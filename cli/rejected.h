/* SPDX-License-Identifier: MPL-2.0 */
/* The file of scans that were rejected or refused: the line of the spool, with `outcome` and
 * `reasons`, or with `error`. A scan is in it once, also when its answer comes again after a crash.
 */
#ifndef CLI_REJECTED_H
#define CLI_REJECTED_H

#include <rentbus/rentbus.h>

struct cli_rejected;

/* `path` is that of the spool. The file is made when the first scan goes there; what is in it is
 * read, and a torn last line, whose scan is still in the spool, taken away. 0, or a negative errno.
 */
int cli_rejected_open(const char *path, struct cli_rejected **rejected)
    __attribute__((warn_unused_result));
/* NULL-safe. */
void cli_rejected_close(struct cli_rejected **rejected);

/* Adds a scan, the line of that id, unless it is there: 0, or a negative errno. `fault` is why it
 * was refused; NULL: *result says why it was rejected. */
int cli_rejected_add(struct cli_rejected *rejected, struct rentbus_uuid id,
                     struct rentbus_text line, const struct rentbus_command_result *result,
                     const struct rentbus_fault *fault) __attribute__((warn_unused_result));
/* Waits until it is on the disk. */
int cli_rejected_sync(struct cli_rejected *rejected) __attribute__((warn_unused_result));

#endif
