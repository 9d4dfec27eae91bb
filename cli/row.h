/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Rows of import and export. A row is the arguments of the command that brings a thing into the
 * ledger. Pure: what makes rows out of bytes does no I/O.
 */
#ifndef CLI_ROW_H
#define CLI_ROW_H

#include <rentbus/rentbus.h>

struct json_t;

/* The kinds of rows, those first that others depend on. */
enum cli_row_kind {
    CLI_ROW_POLICY,
    CLI_ROW_ASSET_TYPE,
    CLI_ROW_LOCATION,
    CLI_ROW_USER,
    CLI_ROW_BLOCK, /* of a user */
    CLI_ROW_ASSET,
    CLI_ROW_DEVICE,
    CLI_ROW_RENTAL,
    CLI_ROW_KIND_COUNT,
};

struct cli_row_type {
    const char *name;  /* the member `kind` of a line */
    const char *table; /* of a database, NULL: it has none */
    enum rentbus_op put;
    enum rentbus_op list; /* or the operation that gives the one thing of this kind */
};
extern const struct cli_row_type cli_row_types[CLI_ROW_KIND_COUNT];

/* Zero it before use; cli_row_release() afterwards. */
struct cli_row {
    enum cli_row_kind kind;
    union {
        struct rentbus_policy_put_args policy;
        struct rentbus_asset_type_put_args asset_type;
        struct rentbus_location_put_args location;
        struct rentbus_user_put_args user;
        struct rentbus_user_block_args block;
        struct rentbus_asset_put_args asset;
        struct rentbus_import_device_args device;
        struct rentbus_import_args rental;
    } args;
    struct json_t *texts; /* owns texts that args points into; or NULL */
    void *maps;           /* likewise lists of maps */
};

/* The schema of row->args. */
const struct rentbus_schema *cli_row_schema(const struct cli_row *row);
/* The id as far as there is one and it is known, else empty. */
struct rentbus_text cli_row_id(const struct cli_row *row);
void cli_row_release(struct cli_row *row);

/* Reads a line of NDJSON, {"kind": "user", "id": "u1", …}, into a zeroed row; the row owns what it
 * needs of it. 0; MALFORMED or INVALID_ARGUMENT with *fault; or -ENOMEM. A row that is refused may
 * have its id. */
int cli_row_parse(struct rentbus_text line, struct cli_row *row, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* Sets a field from the text of a database column; the row borrows the text. */
int cli_row_set(struct cli_row *row, size_t field, struct rentbus_text text,
                struct rentbus_fault *fault) __attribute__((warn_unused_result));
/* Checks that nothing is missing from a row whose columns are set. */
int cli_row_check(const struct cli_row *row, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* The command id of a row: the same content gives the same id, for ever. A UUID of version 8: the
 * first 16 bytes of the BLAKE2b of the operation's name, a zero byte, and the arguments in
 * deterministic CBOR. 0, or -ENOMEM. */
int cli_row_command_id(const struct cli_row *row, struct rentbus_uuid *command_id)
    __attribute__((warn_unused_result));

/* Whether a row can say all of a thing as a list gives it: not all of a device with more holes than
 * are listed. */
bool cli_row_complete(enum cli_row_kind kind, const void *thing);
/* Whether a thing as a list gives it makes a row: a policy that nobody put and a user whom nobody
 * blocked make none. */
bool cli_row_made_of(enum cli_row_kind kind, const void *thing);

/* A thing as a list gives it, a struct of `schema`, as a line that cli_row_parse() reads: with the
 * members that an import takes. To be given to free(); NULL when out of memory. */
char *cli_row_format(enum cli_row_kind kind, const struct rentbus_schema *schema,
                     const void *thing);

#endif
