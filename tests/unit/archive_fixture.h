/* SPDX-License-Identifier: MPL-2.0 */
/* Events of a test's own choice in the journal of a journal_fixture, for tests of the archive. */
#ifndef RENTBUS_TESTS_ARCHIVE_FIXTURE_H
#define RENTBUS_TESTS_ARCHIVE_FIXTURE_H

#include "daemon/archive/archive.h"
#include "tests/unit/journal_fixture.h"

/* An event for the journal: the data is encoded by the schema. `command` numbers commands from 1; 0
 * is none. */
struct archive_fixture_event {
    const char *type;
    uint64_t command;
    const struct rentbus_schema *schema;
    const void *data;
};

/* The encoded data of an event, appended to `out`, and the event that it is part of, without what
 * does not count for mentions. */
struct rentbus_event archive_fixture_event(const struct archive_fixture_event *given,
                                           struct rentbus_buffer *out);
/* Appends the event to the journal, and fails the test when that fails. Returns its seq. */
uint64_t archive_fixture_append(struct journal_fixture *fixture,
                                const struct archive_fixture_event *given);

struct archive *archive_fixture_open(struct journal_fixture *fixture);
struct archive_reader *archive_fixture_read(struct journal_fixture *fixture);
/* Follows to the end of the journal, `count` events at a time. */
void archive_fixture_follow(struct journal_fixture *fixture, struct archive *archive, size_t count);

/* Takes a mention out of the archive, and puts one in; NULL: none. */
void archive_fixture_change(struct journal_fixture *fixture, const struct mention_row *without,
                            const struct mention_row *with);

/* An id made of a word and a number, in static storage until sixteen calls later. */
struct rentbus_text archive_fixture_id(const char *word, uint64_t number);
/* A rental with its required fields, in progress; what is not required is absent. */
struct rentbus_rental archive_fixture_rental(uint64_t number);

#endif
