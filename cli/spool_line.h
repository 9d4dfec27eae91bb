/* SPDX-License-Identifier: MPL-2.0 */
/* The lines of a spool, and the lines that a scanner types. Pure. */
#ifndef CLI_SPOOL_LINE_H
#define CLI_SPOOL_LINE_H

#include <rentbus/rentbus.h>

/* The longest line of a spool or of its input, in bytes. */
#define CLI_SPOOL_LINE_MAX (64u << 10)

/* The arguments of either scan. */
union cli_scan_args {
    struct rentbus_return_args return_args;
    struct rentbus_checkout_args checkout_args;
};

/* A line: a scan, or the head of a spool, which has no `op` (RENTBUS_OP_COUNT). */
struct cli_spool_line {
    struct rentbus_uuid id;
    enum rentbus_op op;
    union cli_scan_args args;
    struct rentbus_text device; /* empty: none */
    uint64_t sequence;
    struct rentbus_text text; /* the line as it stands there */
    void *storage[2];
};

/* Reads a line of a spool. 0; an error code with *fault; or -ENOMEM. Its texts are its own but
 * `text`; release it when this returned 0. */
int cli_spool_line_read(struct rentbus_text text, struct cli_spool_line *line,
                        struct rentbus_fault *fault) __attribute__((warn_unused_result));
void cli_spool_line_release(struct cli_spool_line *line);

/* What a scan is given that does not say so itself. */
struct cli_scan_defaults {
    enum rentbus_op op;
    int64_t timestamp;
    struct rentbus_text location; /* empty: none */
    struct rentbus_text device;   /* empty: none, and no number */
    uint64_t sequence;
    bool has_clock_offset;
    int64_t clock_offset_ms;
};

/* Reads what a scanner typed: QR data of an asset, or of a user and an asset with a blank between
 * them; the arguments of a scan as a JSON object; or {"op": …, "args": {…}}. As
 * cli_spool_line_read(); `text` and `id` are not set, and `device` only with a number from the
 * defaults. */
int cli_spool_line_scan(struct rentbus_text typed, const struct cli_scan_defaults *defaults,
                        struct cli_spool_line *line, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* The line as a spool holds it, without its end. To be given to free(); NULL when out of memory. */
char *cli_spool_line_format(const struct cli_spool_line *line);
/* The first line of a spool. To be given to free(); NULL when out of memory. */
char *cli_spool_line_head(struct rentbus_text device, uint64_t sequence);

/* What a scan is of, for people: its asset, else its rental; "" when it names neither. */
char *cli_spool_line_name(const struct cli_spool_line *line, char name[4 * RENTBUS_ID_MAX + 1]);

#endif
