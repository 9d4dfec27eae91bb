/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The file of a snapshot: `snapshot-<seq>` in the data directory, of this version's format alone.
 *
 *   header     as struct snapshot_header says, of fixed size
 *   sections   in the order of enum snapshot_section, each in pieces of a length of 4 bytes, little
 *              endian, and so many bytes; one of length 0 ends it
 *   trailer    how many bytes stand before it (8, little endian), BLAKE2b-256 of all before the
 *              hash
 *
 * It is written under another name and gets its own when it is whole and synced. A reader believes
 * nothing before the trailer has proved it. Not thread-safe; any thread.
 */
#ifndef RENTBUS_ENGINE_SNAPSHOT_FILE_H
#define RENTBUS_ENGINE_SNAPSHOT_FILE_H

#include "daemon/archive/tally.h"
#include "daemon/engine/chain.h"
#include "daemon/ledger/ledger.h"

#define SNAPSHOT_FILE_FORMAT 1
#define SNAPSHOT_FILE_NAME_SIZE 40
/* The newest and the one before. */
#define SNAPSHOTS_KEPT 2

struct snapshot_header {
    char ledger[CHAIN_LEDGER_MAX + 1]; /* its name */
    struct journal_head head;          /* the last event in it */
    uint64_t digest;                   /* ledger_digest() */
};

enum snapshot_section {
    SNAPSHOT_BUS,    /* bus_snapshot() */
    SNAPSHOT_LEDGER, /* ledger_snapshot_write() */
    SNAPSHOT_TALLY,  /* of the returns up to the head, for a ledger of the past */
    SNAPSHOT_SECTIONS
};

/* The greatest seq up to `most` of which the directory has a snapshot, 0 when there is none. 0, or
 * -errno. */
int snapshot_file_newest(const char *directory, uint64_t most, uint64_t *seq)
    __attribute__((warn_unused_result));
void snapshot_file_name(uint64_t seq, char name[SNAPSHOT_FILE_NAME_SIZE]);
/* Removes those before `newest` but for `before`, and what a crash left half-written. */
void snapshot_file_clean(const char *directory, uint64_t newest, uint64_t before);

/* ---- writing ---- */

struct snapshot_output;

/* Begins the file under its other name; one at a time. 0, or -errno. */
int snapshot_output_create(const char *directory, const struct snapshot_header *header,
                           struct snapshot_output **output) __attribute__((warn_unused_result));
/* A ledger_snapshot_sink; `context` is the output. */
int snapshot_output_write(void *context, const void *data, size_t size)
    __attribute__((warn_unused_result));
int snapshot_output_end_section(struct snapshot_output *output) __attribute__((warn_unused_result));
/* Behind the last section: the trailer, and all of it on stable storage. */
int snapshot_output_finish(struct snapshot_output *output) __attribute__((warn_unused_result));
/* Gives the finished file its name. */
int snapshot_output_publish(struct snapshot_output *output) __attribute__((warn_unused_result));
/* Where the file is until then. */
const char *snapshot_output_path(const struct snapshot_output *output);
/* Removes the file unless it was published. NULL-safe. */
void snapshot_output_close(struct snapshot_output **output);

/* ---- reading ---- */

/* Numbers of a row of the tally: day, kind, name, bucket, count, all in one array. */
#define SNAPSHOT_TALLY_FIELDS 5

/* What a file holds. Zeroed at first. */
struct snapshot_contents {
    struct snapshot_header header;
    uint64_t bytes;
    struct rentbus_buffer bus;
    struct ledger *ledger;
    struct tally *tally; /* NULL: was not asked for */
};

/* Reads the whole file. 0; -EBADMSG when it is no good, with what is wrong with it in *why (static
 * text); -errno. */
int snapshot_file_read(const char *path, const char *ledger, bool with_tally,
                       struct snapshot_contents *contents, const char **why)
    __attribute__((warn_unused_result));
/* The same for the one of that seq in a directory. */
int snapshot_file_load(const char *directory, uint64_t seq, const char *ledger, bool with_tally,
                       struct snapshot_contents *contents, const char **why)
    __attribute__((warn_unused_result));
/* Proves the one of that seq by its checksum, as the disk has it and not as memory remembers it: as
 * snapshot_file_load(), but only the header is kept, and nobody has looked at what is in the
 * sections. */
int snapshot_file_check(const char *directory, uint64_t seq, const char *ledger,
                        struct snapshot_header *header, const char **why)
    __attribute__((warn_unused_result));
/* Frees what it holds. */
void snapshot_contents_release(struct snapshot_contents *contents);

#endif
