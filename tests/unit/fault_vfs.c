/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/fault_vfs.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

/* A write that the disk may not have yet: how to take it back. */
struct fault_undo {
    struct fault_undo *older;
    char *path;
    int64_t offset;
    int64_t length; /* of the write */
    int64_t size;   /* of the file before it */
    bool lost;      /* a sync of it failed: it comes back only if written again */
    int64_t old_length;
    uint8_t old[];
};

struct fault_file {
    sqlite3_file base;
    const char *path; /* NULL: not counted */
    sqlite3_file real[];
};

static struct {
    pthread_mutex_t mutex;
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    struct fault_plan plan;
    bool fired;
    bool dark; /* the power is gone */
    struct fault_undo *undo;
} fault = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static sqlite3_file *fault_real(sqlite3_file *file)
{
    return ((struct fault_file *)file)->real;
}

static bool fault_counts(const struct fault_file *file)
{
    return file->path && (!fault.plan.path || strstr(file->path, fault.plan.path));
}

/* Counts down to the failure that the plan has. */
static bool fault_due(uint64_t *count)
{
    if (*count == 0)
        return false;
    if (*count == 1) {
        fault.fired = true;
        *count = fault.plan.lasting ? 1 : 0;
        return true;
    }
    (*count)--;
    return false;
}

static bool fault_cut(const struct fault_file *file)
{
    if (!fault.dark && fault_counts(file) && fault_due(&fault.plan.cut))
        fault.dark = true;
    return fault.dark;
}

static void fault_undo_free(struct fault_undo *undo)
{
    free(undo->path);
    free(undo);
}

/* Drops the records that `keep` does not want. */
static void fault_undo_filter(bool (*keep)(const struct fault_undo *, const void *),
                              const void *context)
{
    struct fault_undo **at = &fault.undo;

    while (*at) {
        struct fault_undo *undo = *at;
        if (keep(undo, context)) {
            at = &undo->older;
            continue;
        }
        *at = undo->older;
        fault_undo_free(undo);
    }
}

static bool fault_not_covered(const struct fault_undo *undo, const void *context)
{
    const struct fault_undo *by = context;
    bool covered = strcmp(undo->path, by->path) == 0 && undo->lost && undo->offset >= by->offset &&
                   undo->offset + undo->length <= by->offset + by->length;
    return !covered;
}

static void fault_record(struct fault_file *file, int64_t offset, int64_t length)
{
    sqlite3_int64 size = 0;
    file->real->pMethods->xFileSize(file->real, &size);
    int64_t old = size <= offset ? 0 : size - offset < length ? size - offset : length;
    struct fault_undo *undo = calloc(1, sizeof(*undo) + (size_t)old);

    if (!undo)
        abort();
    *undo = (struct fault_undo){.path = strdup(file->path),
                                .offset = offset,
                                .length = length,
                                .size = size,
                                .old_length = old};
    if (old > 0 && file->real->pMethods->xRead(file->real, undo->old, (int)old, offset))
        abort();
    fault_undo_filter(fault_not_covered, undo);
    undo->older = fault.undo;
    fault.undo = undo;
}

/* A full disk still takes what overwrites. */
static bool fault_full(struct fault_file *file, int length, sqlite3_int64 offset)
{
    sqlite3_int64 size = 0;

    if (!fault.plan.has_room || !fault_counts(file))
        return false;
    file->real->pMethods->xFileSize(file->real, &size);
    int64_t growth = offset + length > size ? offset + length - size : 0;
    if (growth > fault.plan.room) {
        fault.fired = true;
        return true;
    }
    fault.plan.room -= growth;
    return false;
}

static int fault_write_locked(struct fault_file *file, const void *data, int length,
                              sqlite3_int64 offset)
{
    sqlite3_file *real = file->real;

    if (!file->path)
        return real->pMethods->xWrite(real, data, length, offset);
    if (fault.dark)
        return SQLITE_IOERR_WRITE;
    bool cut = fault_cut(file);
    bool fails = !cut && fault_counts(file) && fault_due(&fault.plan.write);
    bool full = !cut && !fails && fault_full(file, length, offset);
    int part = cut || fails || full ? length / 2 : length;
    fault_record(file, offset, part);
    int result = real->pMethods->xWrite(real, data, part, offset);
    if (result != SQLITE_OK || !(cut || fails || full))
        return result;
    return full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int fault_write(sqlite3_file *base, const void *data, int length, sqlite3_int64 offset)
{
    pthread_mutex_lock(&fault.mutex);
    int result = fault_write_locked((struct fault_file *)base, data, length, offset);
    pthread_mutex_unlock(&fault.mutex);
    return result;
}

static int fault_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct fault_file *file = (struct fault_file *)base;
    sqlite3_int64 before = 0;

    pthread_mutex_lock(&fault.mutex);
    bool cut = file->path && fault_cut(file);
    file->real->pMethods->xFileSize(file->real, &before);
    if (!cut && file->path && before > size)
        fault_record(file, size, before - size);
    int result = cut ? SQLITE_IOERR_TRUNCATE : file->real->pMethods->xTruncate(file->real, size);
    pthread_mutex_unlock(&fault.mutex);
    return result;
}

static bool fault_not_synced(const struct fault_undo *undo, const void *path)
{
    return undo->lost || strcmp(undo->path, path) != 0;
}

static void fault_lose(const char *path)
{
    for (struct fault_undo *undo = fault.undo; undo; undo = undo->older)
        undo->lost = undo->lost || strcmp(undo->path, path) == 0;
}

static int fault_sync(sqlite3_file *base, int flags)
{
    struct fault_file *file = (struct fault_file *)base;

    (void)flags;
    if (!file->path)
        return SQLITE_OK;
    pthread_mutex_lock(&fault.mutex);
    bool cut = fault_cut(file);
    bool fails = !cut && fault_counts(file) && fault_due(&fault.plan.sync);
    if (fails)
        fault_lose(file->path);
    else if (!cut && !fault.plan.asleep)
        fault_undo_filter(fault_not_synced, file->path);
    pthread_mutex_unlock(&fault.mutex);
    return cut || fails ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int fault_close(sqlite3_file *file)
{
    return fault_real(file)->pMethods->xClose(fault_real(file));
}

static int fault_read(sqlite3_file *file, void *data, int length, sqlite3_int64 offset)
{
    return fault_real(file)->pMethods->xRead(fault_real(file), data, length, offset);
}

static int fault_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return fault_real(file)->pMethods->xFileSize(fault_real(file), size);
}

static int fault_lock(sqlite3_file *file, int level)
{
    return fault_real(file)->pMethods->xLock(fault_real(file), level);
}

static int fault_unlock(sqlite3_file *file, int level)
{
    return fault_real(file)->pMethods->xUnlock(fault_real(file), level);
}

static int fault_check_reserved_lock(sqlite3_file *file, int *held)
{
    return fault_real(file)->pMethods->xCheckReservedLock(fault_real(file), held);
}

static int fault_file_control(sqlite3_file *file, int op, void *argument)
{
    return fault_real(file)->pMethods->xFileControl(fault_real(file), op, argument);
}

static int fault_sector_size(sqlite3_file *file)
{
    return fault_real(file)->pMethods->xSectorSize(fault_real(file));
}

/* Without the promises of a real disk about torn writes. */
static int fault_device_characteristics(sqlite3_file *file)
{
    (void)file;
    return 0;
}

static int fault_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return fault_real(file)->pMethods->xShmMap(fault_real(file), page, size, extend, out);
}

static int fault_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return fault_real(file)->pMethods->xShmLock(fault_real(file), offset, count, flags);
}

static void fault_shm_barrier(sqlite3_file *file)
{
    fault_real(file)->pMethods->xShmBarrier(fault_real(file));
}

static int fault_shm_unmap(sqlite3_file *file, int delete_it)
{
    return fault_real(file)->pMethods->xShmUnmap(fault_real(file), delete_it);
}

static const sqlite3_io_methods fault_methods = {
    .iVersion = 2,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_file_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_check_reserved_lock,
    .xFileControl = fault_file_control,
    .xSectorSize = fault_sector_size,
    .xDeviceCharacteristics = fault_device_characteristics,
    .xShmMap = fault_shm_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_shm_barrier,
    .xShmUnmap = fault_shm_unmap,
};

static int fault_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out)
{
    struct fault_file *file = (struct fault_file *)base;
    bool kept = flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);

    (void)vfs;
    file->path = kept ? path : NULL;
    int result = fault.real->xOpen(fault.real, path, file->real, flags, out);
    file->base.pMethods = file->real->pMethods ? &fault_methods : NULL;
    return result;
}

static bool fault_elsewhere(const struct fault_undo *undo, const void *path)
{
    return strcmp(undo->path, path) != 0;
}

static int fault_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    (void)vfs;
    pthread_mutex_lock(&fault.mutex);
    bool dark = fault.dark;
    int result = dark ? SQLITE_IOERR_DELETE : fault.real->xDelete(fault.real, path, sync_directory);
    if (!dark)
        fault_undo_filter(fault_elsewhere, path);
    pthread_mutex_unlock(&fault.mutex);
    return result;
}

void fault_vfs_install(void)
{
    fault.real = sqlite3_vfs_find(NULL);
    fault.vfs = *fault.real;
    fault.vfs.zName = "fault";
    fault.vfs.szOsFile = (int)sizeof(struct fault_file) + fault.real->szOsFile;
    fault.vfs.xOpen = fault_open;
    fault.vfs.xDelete = fault_delete;
    fault_vfs_plan((struct fault_plan){0});
    sqlite3_vfs_register(&fault.vfs, 1);
}

static bool fault_keep_none(const struct fault_undo *undo, const void *context)
{
    (void)undo;
    (void)context;
    return false;
}

void fault_vfs_uninstall(void)
{
    sqlite3_vfs_unregister(&fault.vfs);
    sqlite3_vfs_register(fault.real, 1);
    fault_undo_filter(fault_keep_none, NULL);
    fault.dark = false;
}

void fault_vfs_plan(struct fault_plan plan)
{
    pthread_mutex_lock(&fault.mutex);
    fault.plan = plan;
    fault.fired = false;
    pthread_mutex_unlock(&fault.mutex);
}

bool fault_vfs_fired(void)
{
    pthread_mutex_lock(&fault.mutex);
    bool fired = fault.fired;
    pthread_mutex_unlock(&fault.mutex);
    return fired;
}

static void fault_take_back(const struct fault_undo *undo)
{
    int fd = open(undo->path, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return;
    if (pwrite(fd, undo->old, (size_t)undo->old_length, undo->offset) != undo->old_length ||
        ftruncate(fd, undo->size))
        abort();
    close(fd);
}

void fault_vfs_lose_unsynced(uint64_t seed, bool all)
{
    for (struct fault_undo *undo = fault.undo; undo; undo = undo->older) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        if (all || undo->lost || seed >> 63)
            fault_take_back(undo);
    }
    fault_undo_filter(fault_keep_none, NULL);
    fault.dark = false;
}
