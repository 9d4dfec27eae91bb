/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/spool_file.h"

#include "cli/spool_line.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often a file may be renamed over the one that was just opened. */
#define OPEN_TRIES 100

/* The path with something behind it, to be given to free(). */
static char *path_with(const struct cli_spool_file *file, const char *suffix)
{
    char *path;
    return asprintf(&path, "%s%s", file->path, suffix) < 0 ? NULL : path;
}

/* ---- opening ---- */

/* Makes a rename, or a new name, last. */
static int folder_sync(const struct cli_spool_file *file)
{
    char *copy = strdup(file->path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int error = !copy ? -ENOMEM : fd < 0 || fsync(fd) != 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    free(copy);
    return error;
}

/* Locks what was opened. -ESTALE: it is no more what the path names. */
static int file_lock(const struct cli_spool_file *file)
{
    struct stat opened;
    struct stat named;
    if (fstat(file->fd, &opened) != 0)
        return -errno;
    if (!S_ISREG(opened.st_mode))
        return -EINVAL;
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0)
        return -errno;
    bool same = stat(file->path, &named) == 0 && named.st_ino == opened.st_ino &&
                named.st_dev == opened.st_dev;
    return same ? 0 : -ESTALE;
}

static int file_try(struct cli_spool_file *file)
{
    struct stat status;
    file->fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    if (file->fd < 0)
        return -errno;
    int error = file_lock(file);
    if (error == 0 && fstat(file->fd, &status) != 0)
        error = -errno;
    if (error == 0)
        file->end = (uint64_t)status.st_size;
    else
        close(file->fd);
    return error;
}

/* Makes the name of a new file last. */
static int file_begin(const struct cli_spool_file *file)
{
    int error = folder_sync(file);
    if (error)
        close(file->fd);
    return error;
}

int cli_spool_file_open(struct cli_spool_file *file, const char *path)
{
    char *resolved = realpath(path, NULL);
    int error = -ESTALE;
    *file = (struct cli_spool_file){.path = resolved ? resolved : strdup(path),
                                    .window = malloc(CLI_SPOOL_LINE_MAX)};
    for (int i = 0; file->path && file->window && i < OPEN_TRIES && error == -ESTALE; i++)
        error = file_try(file);
    if (!file->path || !file->window)
        error = -ENOMEM;
    if (error == 0 && file->end == 0)
        error = file_begin(file);
    if (error) {
        free(file->window);
        free(file->path);
    }
    return error == -ESTALE ? -EWOULDBLOCK : error;
}

void cli_spool_file_close(struct cli_spool_file *file)
{
    close(file->fd);
    free(file->window);
    free(file->path);
}

/* ---- lines ---- */

/* Fills the window from an offset on. The bytes before `limit` in it, or a negative errno. */
static ssize_t window_fill(struct cli_spool_file *file, uint64_t at, uint64_t limit)
{
    uint64_t wanted = limit - at < CLI_SPOOL_LINE_MAX ? limit - at : CLI_SPOOL_LINE_MAX;
    size_t length = 0;
    file->window_length = 0;
    while (length < wanted) {
        ssize_t got = pread(file->fd, file->window + length, wanted - length, (off_t)(at + length));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    file->window_begin = at;
    file->window_length = length;
    return (ssize_t)length;
}

/* Where the line at an offset ends within the window, or NULL. */
static const char *window_find(const struct cli_spool_file *file, uint64_t at, uint64_t limit,
                               const char **begin)
{
    uint64_t end = file->window_begin + file->window_length;
    if (at < file->window_begin || at >= end)
        return NULL;
    *begin = file->window + (at - file->window_begin);
    return memchr(*begin, '\n', (size_t)((end < limit ? end : limit) - at));
}

/* Passes over a line that is longer than the window. */
static int line_pass(struct cli_spool_file *file, uint64_t *at, uint64_t limit)
{
    for (uint64_t from = *at; from < limit; from += file->window_length) {
        const char *begin;
        ssize_t length = window_fill(file, from, limit);
        if (length <= 0)
            return (int)length;
        const char *end = window_find(file, from, limit, &begin);
        if (end) {
            *at = from + (uint64_t)(end - begin) + 1;
            return 1;
        }
    }
    return 0;
}

int cli_spool_file_line(struct cli_spool_file *file, uint64_t *at, uint64_t limit,
                        struct rentbus_text *line)
{
    const char *begin;
    if (*at >= limit)
        return 0;
    const char *end = window_find(file, *at, limit, &begin);
    if (!end) {
        ssize_t length = window_fill(file, *at, limit);
        if (length < 0)
            return (int)length;
        end = window_find(file, *at, limit, &begin);
    }
    *line = (struct rentbus_text){0};
    if (!end)
        return file->window_length == CLI_SPOOL_LINE_MAX ? line_pass(file, at, limit) : 0;
    *line = (struct rentbus_text){begin, (size_t)(end - begin)};
    *at += line->length + 1;
    return 1;
}

static int bytes_write(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

int cli_spool_file_append(struct cli_spool_file *file, struct rentbus_text line)
{
    if (lseek(file->fd, (off_t)file->end, SEEK_SET) < 0)
        return -errno;
    int error = bytes_write(file->fd, line.data, line.length);
    if (error == 0)
        error = bytes_write(file->fd, "\n", 1);
    if (error == 0)
        file->end += line.length + 1;
    else if (ftruncate(file->fd, (off_t)file->end) != 0)
        return -errno;
    return error;
}

/* ---- other files ---- */

static int range_copy(struct cli_spool_file *file, uint64_t from, uint64_t to, int fd)
{
    char last = '\n';
    int error = 0;
    while (error == 0 && from < to) {
        ssize_t length = window_fill(file, from, to);
        if (length <= 0)
            return length < 0 ? (int)length : -EIO;
        error = bytes_write(fd, file->window, (size_t)length);
        last = file->window[length - 1];
        from += (uint64_t)length;
    }
    return error == 0 && last != '\n' ? bytes_write(fd, "\n", 1) : error;
}

int cli_spool_file_aside(struct cli_spool_file *file, uint64_t from, uint64_t to)
{
    char *path = path_with(file, ".torn");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    int error = path ? (fd < 0 ? -errno : 0) : -ENOMEM;
    free(path);
    if (error)
        return error;
    error = range_copy(file, from, to, fd);
    if (error == 0 && fsync(fd) != 0)
        error = -errno;
    close(fd);
    return error ? error : 1;
}

int cli_spool_file_renew(const struct cli_spool_file *file, FILE **out)
{
    char *path = path_with(file, ".new");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    int error = path ? (fd < 0 ? -errno : 0) : -ENOMEM;
    free(path);
    if (error)
        return error;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        *out = fdopen(fd, "w");
    else
        *out = NULL;
    if (*out)
        return 0;
    error = -errno;
    close(fd);
    return error;
}

int cli_spool_file_replace(struct cli_spool_file *file, FILE *out, int error, bool *replaced)
{
    char *path = path_with(file, ".new");
    int fd = -1;
    if (error == 0 && !path)
        error = -ENOMEM;
    if (error == 0 && (fflush(out) != 0 || fsync(fileno(out)) != 0))
        error = -errno;
    off_t end = ftello(out);
    if (error == 0 && (fd = fcntl(fileno(out), F_DUPFD_CLOEXEC, 0)) < 0)
        error = -errno;
    if (error == 0 && rename(path, file->path) != 0)
        error = -errno;
    fclose(out);
    free(path);
    *replaced = error == 0;
    if (error) {
        if (fd >= 0)
            close(fd);
        return error;
    }
    close(file->fd);
    file->fd = fd;
    file->end = (uint64_t)end;
    file->window_length = 0;
    return folder_sync(file);
}
