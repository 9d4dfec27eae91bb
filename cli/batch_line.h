/* SPDX-License-Identifier: MPL-2.0 */
/* A line of a batch: {"op": "user.put", "args": {"id": "u1"}, "id": "<UUID>"}, the last if wanted.
 * Pure. */
#ifndef CLI_BATCH_LINE_H
#define CLI_BATCH_LINE_H

#include <rentbus/rentbus.h>

/* What all lines of a batch have in common. */
struct cli_batch_rules {
    struct rentbus_uuid base; /* from which the ids of lines without one follow */
    bool dry_run;
};

/* A command, as the reports about it need it. */
struct cli_batch_command {
    uint64_t line;
    struct rentbus_uuid id;
    enum rentbus_op op;
    size_t key_length; /* 0: its arguments have no `id` */
    char key[RENTBUS_ID_MAX];
};

/* Reads the line of that number. *bytes is the command in CBOR, to be given to rentbus_free(). 0;
 * an error code with *fault; or -ENOMEM. */
int cli_batch_line_read(struct rentbus_text json, uint64_t number,
                        const struct cli_batch_rules *rules, struct cli_batch_command *command,
                        uint8_t **bytes, size_t *length, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

#endif
