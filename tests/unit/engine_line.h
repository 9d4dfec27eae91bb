/* SPDX-License-Identifier: MPL-2.0 */
/* An engine in a directory of its own, with commands that come from a world of their own. Whatever
 * fails here fails the test. */
#ifndef RENTBUS_TESTS_ENGINE_LINE_H
#define RENTBUS_TESTS_ENGINE_LINE_H

#include "daemon/engine/snapshot.h"
#include "tests/unit/ledger_random.h"

#define LINE_PATH_SIZE 128

struct line {
    char directory[64];
    struct engine *engine;
    uint64_t every; /* the setting snapshot_every */
    struct world *world;
    uint64_t random;
    unsigned commands;
    struct rentbus_fault fault; /* of the last line_try() */
    char logged[8192];          /* since then */
};

/* For cmocka: *state becomes a line with its engine open. */
int line_setup(void **state);
int line_teardown(void **state);

/* What engine_open() says. */
int line_try(struct line *line, const char *ledger);
void line_open(struct line *line);
void line_reopen(struct line *line);

/* Runs the engine until `done`. */
void line_process(struct line *line, bool (*done)(const struct line *line));
bool line_is_idle(const struct line *line);
bool line_is_archived(const struct line *line);
/* No snapshot is being written. */
bool line_is_written(const struct line *line);

/* The id of the command of that number. */
struct rentbus_uuid line_command_id(unsigned number);
/* Random commands, until they are durable. */
void line_run(struct line *line, unsigned count);
void line_put_consumer(struct line *line, const char *id);
/* Writes a snapshot, which comes to `expected`. */
void line_write_snapshot(struct line *line, int expected);
/* What the ledger is, as bytes. */
void line_print(struct line *line, struct rentbus_buffer *out);

/* The file of the snapshot of that seq. */
void line_path(const struct line *line, uint64_t seq, char path[LINE_PATH_SIZE]);
void line_read_file(const char *path, struct rentbus_buffer *out);
void line_write_file(const char *path, const uint8_t *bytes, size_t length);

#endif
