/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A journal of made-up events in a directory of its own. The event at a seq follows from the seq
 * alone, so that a test can say what it must read without keeping it.
 *
 * Events come in commands of two. By command: a checkout opens a rental; the next command is a
 * return that completes it, or an import of a forgiven or flagged rental, or a rejected return, or
 * a swap and a return, or a flag and the forgiveness, or two events without a command.
 */
#ifndef RENTBUS_TESTS_JOURNAL_FIXTURE_H
#define RENTBUS_TESTS_JOURNAL_FIXTURE_H

#include "daemon/journal/block.h"
#include "daemon/journal/journal.h"

#define JOURNAL_FIXTURE_LEDGER "test"
#define JOURNAL_FIXTURE_PATH_SIZE 128
#define JOURNAL_FIXTURE_BATCH_MAX 25000

struct journal_fixture {
    char directory[JOURNAL_FIXTURE_PATH_SIZE];
    char journal_path[JOURNAL_FIXTURE_PATH_SIZE];
    char archive_path[JOURNAL_FIXTURE_PATH_SIZE];
    struct journal *journal;
    struct journal_reader *reader;
    uint64_t random; /* state of journal_fixture_random() */
};

/* For cmocka: *state becomes a fixture with a journal and a reader open. */
int journal_fixture_setup(void **state);
int journal_fixture_teardown(void **state);

/* A number from 0 to below - 1, by the fixture's seed. */
uint64_t journal_fixture_random(struct journal_fixture *fixture, uint64_t below);

/* The time of the event at a seq: three in a row have the same. */
int64_t journal_fixture_time(uint64_t seq);
/* Its hash, which is not that of a chain. */
void journal_fixture_hash(uint64_t seq, uint8_t hash[RENTBUS_HASH_SIZE]);
/* Its command; false when it has none. */
bool journal_fixture_command(uint64_t seq, struct rentbus_uuid *command);
/* The encoded event, appended to `out`. */
void journal_fixture_event(uint64_t seq, struct rentbus_buffer *out);
/* The rental that the event at a seq leaves COMPLETED or FORGIVEN, encoded and appended to `out`,
 * and its fields (ids in static storage until the next call); false when it leaves none. */
bool journal_fixture_closed(uint64_t seq, struct rentbus_rental *rental,
                            struct rentbus_buffer *out);

/* journal_append() of the next `count` events. */
int journal_fixture_append(struct journal *journal, size_t count);
/* Reads all from `from` to `to` and fails the test when it is not what was appended. */
void journal_fixture_check(struct journal_reader *reader, uint64_t from, uint64_t to);
/* Opens the journal anew, with what that says about faults failing the test. */
void journal_fixture_reopen(struct journal_fixture *fixture);
/* Runs SQL on a database by a connection of its own. */
void journal_fixture_sql(const char *path, const char *sql);
/* The checksum that a block has in a journal of format 1: SipHash-2-4, keyed by seq and time. */
int64_t journal_fixture_old_sum(const struct block *block);
/* Makes the closed journal one of format 1, with its events as they are. */
void journal_fixture_make_old(struct journal_fixture *fixture);
/* The format that the journal says it has. */
int journal_fixture_format(struct journal_fixture *fixture);
/* Size of a file, 0 when there is none. */
uint64_t journal_fixture_file_size(const char *path, const char *suffix);

#endif
