/* SPDX-License-Identifier: MPL-2.0 */
/* What a handler has left in its state directory, and whether two of them are the same. */
#ifndef CLI_DRILL_STATE_H
#define CLI_DRILL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DRILL_HASH_SIZE 32
/* Files and directories that a state directory may hold. */
#define DRILL_FILES_MAX 100000

struct drill_entry {
    char *path;                    /* in the directory; owned */
    char kind;                     /* f: file, d: directory, l: link, o: something else */
    uint8_t hash[DRILL_HASH_SIZE]; /* of a file's content, of a link's target */
};

/* Zero it first. In the order of their paths. */
struct drill_state {
    struct drill_entry *entries;
    size_t count;
    size_t capacity;
};

/* Patterns of files that do not count, as fnmatch() has them: of a path, or of its last part. */
struct drill_ignored {
    const char *const *patterns;
    size_t count;
};

/* Reads the directory. 0, -EFBIG when it has too many files, or another negative errno; to be
 * released in any case. */
int drill_state_read(struct drill_state *state, const char *directory, struct drill_ignored ignored)
    __attribute__((warn_unused_result));
void drill_state_release(struct drill_state *state);

/* NULL when they are the same. Else the first path where they are not, borrowed from one of the
 * two, and what is with it in `changed`: "differs", "is missing" or "is new". */
const char *drill_state_differs(const struct drill_state *before, const struct drill_state *changed,
                                const char **how);

/* Removes the directory and all that is in it, as far as that can be done. */
void drill_state_remove(const char *directory);

#endif
