/* SPDX-License-Identifier: MPL-2.0 */
/* The file under a spool: lines by their offsets, a lock, and a file renamed over it. */
#ifndef CLI_SPOOL_FILE_H
#define CLI_SPOOL_FILE_H

#include <rentbus/rentbus.h>

#include <stdio.h>

struct cli_spool_file {
    char *path;
    int fd; /* locked */
    uint64_t end;
    char *window; /* of what was read last */
    uint64_t window_begin;
    size_t window_length;
};

/* Opens, or makes, the file, and locks it; a symbolic link is followed. 0; -EWOULDBLOCK: another
 * process has it; -EINVAL: it is no file; or another negative errno. */
int cli_spool_file_open(struct cli_spool_file *file, const char *path)
    __attribute__((warn_unused_result));
void cli_spool_file_close(struct cli_spool_file *file);

/* The line at *at, which moves behind its end: 1, borrowed until the next call; 0 when there is no
 * end of a line before `limit`. A line over CLI_SPOOL_LINE_MAX is given without data. */
int cli_spool_file_line(struct cli_spool_file *file, uint64_t *at, uint64_t limit,
                        struct rentbus_text *line) __attribute__((warn_unused_result));
/* Appends a line. When that fails, the file is as it was. */
int cli_spool_file_append(struct cli_spool_file *file, struct rentbus_text line)
    __attribute__((warn_unused_result));

/* Appends the bytes from one offset to another to FILE.torn, and waits until they are on the disk.
 * 1, or a negative errno. */
int cli_spool_file_aside(struct cli_spool_file *file, uint64_t from, uint64_t to)
    __attribute__((warn_unused_result));

/* Begins a file that is to be renamed over this one; and renames it, on the disk, unless `error` is
 * set already, which is then what this returns. The lock goes over to it. *replaced may be set with
 * an error, too: the file is the new one, and it is not sure that it will be after a power cut. */
int cli_spool_file_renew(const struct cli_spool_file *file, FILE **out)
    __attribute__((warn_unused_result));
int cli_spool_file_replace(struct cli_spool_file *file, FILE *out, int error, bool *replaced)
    __attribute__((warn_unused_result));

#endif
