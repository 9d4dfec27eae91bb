/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/drill_state.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE 65536

static int file_hash(const char *path, uint8_t hash[DRILL_HASH_SIZE])
{
    crypto_generichash_state state;
    uint8_t bytes[READ_SIZE];
    ssize_t length;
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file == -1)
        return -errno;
    crypto_generichash_init(&state, NULL, 0, DRILL_HASH_SIZE);
    while ((length = read(file, bytes, sizeof(bytes))) > 0)
        crypto_generichash_update(&state, bytes, (size_t)length);
    int error = length < 0 ? -errno : 0;
    close(file);
    crypto_generichash_final(&state, hash, DRILL_HASH_SIZE);
    return error;
}

static int link_hash(const char *path, uint8_t hash[DRILL_HASH_SIZE])
{
    char target[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof(target));
    if (length < 0)
        return -errno;
    crypto_generichash(hash, DRILL_HASH_SIZE, (const uint8_t *)target, (size_t)length, NULL, 0);
    return 0;
}

static bool is_ignored(struct drill_ignored ignored, const char *path, const char *name)
{
    for (size_t i = 0; i < ignored.count; i++)
        if (fnmatch(ignored.patterns[i], path, 0) == 0 ||
            fnmatch(ignored.patterns[i], name, 0) == 0)
            return true;
    return false;
}

/* Zeroed but for its path; NULL when out of memory. */
static struct drill_entry *entry_add(struct drill_state *state, const char *path)
{
    if (state->count == state->capacity) {
        size_t capacity = state->capacity ? 2 * state->capacity : 16;
        struct drill_entry *grown = realloc(state->entries, capacity * sizeof(*grown));
        if (!grown)
            return NULL;
        state->entries = grown;
        state->capacity = capacity;
    }
    struct drill_entry *entry = &state->entries[state->count];
    *entry = (struct drill_entry){.path = strdup(path)};
    state->count += entry->path != NULL;
    return entry->path ? entry : NULL;
}

static int entry_take(struct drill_state *state, const FTSENT *found, const char *path)
{
    if (state->count == DRILL_FILES_MAX)
        return -EFBIG;
    struct drill_entry *entry = entry_add(state, path);
    if (!entry)
        return -ENOMEM;
    switch (found->fts_info) {
    case FTS_D:
        entry->kind = 'd';
        return 0;
    case FTS_F:
        entry->kind = 'f';
        return file_hash(found->fts_accpath, entry->hash);
    case FTS_SL:
    case FTS_SLNONE:
        entry->kind = 'l';
        return link_hash(found->fts_accpath, entry->hash);
    case FTS_DEFAULT:
        entry->kind = 'o';
        return 0;
    default:
        return found->fts_errno ? -found->fts_errno : -EIO;
    }
}

static int entry_order(const void *a, const void *b)
{
    return strcmp(((const struct drill_entry *)a)->path, ((const struct drill_entry *)b)->path);
}

int drill_state_read(struct drill_state *state, const char *directory, struct drill_ignored ignored)
{
    char top[PATH_MAX];
    char *const tops[] = {top, NULL};
    size_t length = strlen(directory);
    if (length >= sizeof(top))
        return -ENAMETOOLONG;
    memcpy(top, directory, length + 1);
    FTS *walk = fts_open(tops, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *found;
    int error = walk ? 0 : -errno;
    while (error == 0 && (found = fts_read(walk))) {
        const char *path = found->fts_path + length + 1;
        if (found->fts_level == 0 && found->fts_info != FTS_D && found->fts_info != FTS_DP)
            error = found->fts_errno ? -found->fts_errno : -ENOTDIR;
        if (found->fts_level == 0 || found->fts_info == FTS_DP)
            continue;
        if (is_ignored(ignored, path, found->fts_name))
            fts_set(walk, found, FTS_SKIP);
        else
            error = entry_take(state, found, path);
    }
    if (walk)
        fts_close(walk);
    if (state->count > 0)
        qsort(state->entries, state->count, sizeof(*state->entries), entry_order);
    return error;
}

void drill_state_release(struct drill_state *state)
{
    for (size_t i = 0; i < state->count; i++)
        free(state->entries[i].path);
    free(state->entries);
    *state = (struct drill_state){0};
}

static bool entry_same(const struct drill_entry *a, const struct drill_entry *b)
{
    return a->kind == b->kind && memcmp(a->hash, b->hash, DRILL_HASH_SIZE) == 0;
}

const char *drill_state_differs(const struct drill_state *before, const struct drill_state *changed,
                                const char **how)
{
    size_t i = 0;
    while (i < before->count && i < changed->count &&
           strcmp(before->entries[i].path, changed->entries[i].path) == 0 &&
           entry_same(&before->entries[i], &changed->entries[i]))
        i++;
    const char *old = i < before->count ? before->entries[i].path : NULL;
    const char *new = i < changed->count ? changed->entries[i].path : NULL;
    int order = old && new ? strcmp(old, new) : 0;
    if (!old && !new)
        return NULL;
    if (old && new &&order == 0) {
        *how = "differs";
        return new;
    }
    bool missing = !new || (old && order < 0);
    *how = missing ? "is missing" : "is new";
    return missing ? old : new;
}

void drill_state_remove(const char *directory)
{
    char top[PATH_MAX];
    char *const tops[] = {top, NULL};
    snprintf(top, sizeof(top), "%s", directory);
    FTS *walk = fts_open(tops, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
    const FTSENT *found;
    while (walk && (found = fts_read(walk))) {
        if (found->fts_info == FTS_DP)
            rmdir(found->fts_accpath);
        else if (found->fts_info != FTS_D)
            unlink(found->fts_accpath);
    }
    if (walk)
        fts_close(walk);
}
