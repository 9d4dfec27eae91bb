/* SPDX-License-Identifier: MPL-2.0 */
/* Lines of a file or of standard input, of bounded length. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include <rentbus/rentbus.h>

#include <stdio.h>

/* The longest line, and the longest JSON document, in bytes. */
#define CLI_LINES_MAX (1u << 20)

/* Zero it before cli_lines_open(). */
struct cli_lines {
    FILE *file;
    char *buffer;
    size_t length;
    uint64_t number; /* of the line read last, from 1 */
};

/* `path` "-" is standard input. 0, or a negative errno. */
int cli_lines_open(struct cli_lines *lines, const char *path) __attribute__((warn_unused_result));
/* Over a file that is open, which it takes. */
int cli_lines_take(struct cli_lines *lines, FILE *file) __attribute__((warn_unused_result));
void cli_lines_close(struct cli_lines *lines);

/* The next line without its end, borrowed until the next call: 1; 0 at the end of the file; -EFBIG
 * for a line over CLI_LINES_MAX, which is passed over; another negative errno when it cannot be
 * read. */
int cli_lines_next(struct cli_lines *lines, struct rentbus_text *line)
    __attribute__((warn_unused_result));
/* The rest of the file appended to the line read last, as one text. 1, or a negative errno. */
int cli_lines_rest(struct cli_lines *lines, struct rentbus_text *text)
    __attribute__((warn_unused_result));

/* Whether there is nothing but blanks. */
bool cli_lines_blank(struct rentbus_text line);

#endif
