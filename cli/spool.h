/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A file of scans that the daemon has not answered yet, for one process at a time. A scan is a line
 * {"id": "<UUID>", "op": "rental.return", "args": {…}}, as a batch takes it. Of a device, a first
 * line {"device_id": "bin-1", "device_seq": 41} says whose scans these are, and the number of the
 * last one when that line was written.
 *
 * What is added is on the disk when cli_spool_sync() returns. What was answered is passed over at
 * once, and leaves the file, by a file renamed over it, as soon as that is worth it. So a crash at
 * any moment leaves every scan that was not answered, and perhaps some that were: their ids make it
 * harmless to send them again.
 *
 * A line without an end was being written when the power went, and nobody was told that its scan is
 * kept. When the file is opened it goes to FILE.torn, and so does a line that is no scan.
 */
#ifndef CLI_SPOOL_H
#define CLI_SPOOL_H

#include "cli/spool_line.h"

struct cli_spool;

/* Opens, or makes, the file, and locks it. *aside is how many lines went to FILE.torn. 0;
 * -EWOULDBLOCK: another process has it; -EINVAL: it is no file; or another negative errno. */
int cli_spool_open(const char *path, struct cli_spool **spool, uint64_t *aside)
    __attribute__((warn_unused_result));
/* Takes out what was answered, if that can be done, and closes. NULL-safe. */
void cli_spool_close(struct cli_spool **spool);

/* The device whose scans these are, borrowed; empty: none so far. */
struct rentbus_text cli_spool_device(const struct cli_spool *spool);
/* Says whose scans come from now on. -EINVAL: they are those of another one; or another negative
 * errno. */
int cli_spool_set_device(struct cli_spool *spool, struct rentbus_text device)
    __attribute__((warn_unused_result));
/* The number of the device's last scan, 0 before the first; and a number that it is not below. */
uint64_t cli_spool_sequence(const struct cli_spool *spool);
void cli_spool_raise(struct cli_spool *spool, uint64_t sequence);

/* Adds a scan. 0, or a negative errno, and then nothing was added. */
int cli_spool_add(struct cli_spool *spool, const struct cli_spool_line *line)
    __attribute__((warn_unused_result));
/* Waits until what was added is on the disk. */
int cli_spool_sync(struct cli_spool *spool) __attribute__((warn_unused_result));

/* Scans that are not answered. */
uint64_t cli_spool_count(const struct cli_spool *spool);
/* Reads them, oldest first: cli_spool_rewind(), then one by one, what is not yet on the disk left
 * out. 1 with *line, to be released; its `text` is borrowed until the next call. 0 behind the last,
 * or a negative errno. */
void cli_spool_rewind(struct cli_spool *spool);
int cli_spool_next(struct cli_spool *spool, struct cli_spool_line *line)
    __attribute__((warn_unused_result));
/* What was read since cli_spool_rewind() is answered. A negative errno means that it stays in the
 * file for now. */
int cli_spool_answered(struct cli_spool *spool) __attribute__((warn_unused_result));

#endif
