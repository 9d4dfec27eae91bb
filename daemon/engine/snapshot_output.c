/* SPDX-License-Identifier: MPL-2.0 */
/* Writing the file of a snapshot. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/engine/snapshot_format.h"

/* So many bytes are synced at a time: a commit that syncs meanwhile waits for no more of ours. */
#define SYNC_BYTES ((uint64_t)4 << 20)

struct snapshot_output {
    int fd;
    bool published;
    uint64_t seq;
    uint64_t length;
    uint64_t synced;
    crypto_generichash_state hash;
    size_t filled; /* of the piece, which begins with its length */
    uint8_t piece[4 + SNAPSHOT_PIECE_MAX];
    char directory[PATH_MAX];
    char path[PATH_MAX];
};

static int write_all(struct snapshot_output *output, const uint8_t *bytes, size_t size)
{
    crypto_generichash_update(&output->hash, bytes, size);
    output->length += size;
    while (size) {
        ssize_t written = write(output->fd, bytes, size);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    if (output->length - output->synced < SYNC_BYTES)
        return 0;
    output->synced = output->length;
    return fdatasync(output->fd) ? -errno : 0;
}

static int write_piece(struct snapshot_output *output)
{
    size_t size = output->filled;
    snapshot_put_number(output->piece, size, 4);
    output->filled = 0;
    return write_all(output, output->piece, 4 + size);
}

static int write_header(struct snapshot_output *output, const struct snapshot_header *header)
{
    uint8_t bytes[SNAPSHOT_HEADER_SIZE] = {0};
    memcpy(bytes, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_SIZE);
    snapshot_put_number(bytes + SNAPSHOT_AT_FORMAT, SNAPSHOT_FILE_FORMAT, 8);
    snapshot_put_number(bytes + SNAPSHOT_AT_SEQ, header->head.seq, 8);
    snapshot_put_number(bytes + SNAPSHOT_AT_TIME, (uint64_t)header->head.time, 8);
    snapshot_put_number(bytes + SNAPSHOT_AT_DIGEST, header->digest, 8);
    memcpy(bytes + SNAPSHOT_AT_HASH, header->head.hash, RENTBUS_HASH_SIZE);
    memcpy(bytes + SNAPSHOT_AT_LEDGER, header->ledger, strlen(header->ledger));
    return write_all(output, bytes, sizeof bytes);
}

int snapshot_output_create(const char *directory, const struct snapshot_header *header,
                           struct snapshot_output **output)
{
    struct snapshot_output *new = calloc(1, sizeof *new);
    if (!new)
        return -ENOMEM;
    new->seq = header->head.seq;
    snprintf(new->directory, sizeof new->directory, "%s", directory);
    int length = snprintf(new->path, sizeof new->path, "%s/" SNAPSHOT_FILE_PART, directory);
    crypto_generichash_init(&new->hash, NULL, 0, RENTBUS_HASH_SIZE);
    new->fd =
        length < PATH_MAX ? open(new->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    int status = length >= PATH_MAX ? -ENAMETOOLONG : new->fd < 0 ? -errno : 0;
    if (status == 0)
        status = write_header(new, header);
    if (status)
        snapshot_output_close(&new);
    else
        *output = new;
    return status;
}

int snapshot_output_write(void *context, const void *data, size_t size)
{
    struct snapshot_output *output = context;
    const uint8_t *bytes = data;
    while (size) {
        size_t room = SNAPSHOT_PIECE_MAX - output->filled;
        size_t part = size < room ? size : room;
        memcpy(output->piece + 4 + output->filled, bytes, part);
        output->filled += part;
        bytes += part;
        size -= part;
        if (output->filled == SNAPSHOT_PIECE_MAX) {
            int status = write_piece(output);
            if (status)
                return status;
        }
    }
    return 0;
}

int snapshot_output_end_section(struct snapshot_output *output)
{
    int status = output->filled ? write_piece(output) : 0;
    return status ? status : write_piece(output);
}

int snapshot_output_finish(struct snapshot_output *output)
{
    uint8_t bytes[SNAPSHOT_TRAILER_SIZE];
    snapshot_put_number(bytes, output->length, 8);
    int status = write_all(output, bytes, 8);
    if (status)
        return status;
    crypto_generichash_final(&output->hash, bytes + 8, RENTBUS_HASH_SIZE);
    crypto_generichash_init(&output->hash, NULL, 0, RENTBUS_HASH_SIZE);
    status = write_all(output, bytes + 8, RENTBUS_HASH_SIZE);
    if (status)
        return status;
    if (fsync(output->fd))
        return -errno;
    /* Whoever proves it reads what the disk has. */
    posix_fadvise(output->fd, 0, 0, POSIX_FADV_DONTNEED);
    return 0;
}

static int sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int status = fsync(fd) ? -errno : 0;
    close(fd);
    return status;
}

int snapshot_output_publish(struct snapshot_output *output)
{
    char path[PATH_MAX];
    int status = snapshot_file_path(output->directory, output->seq, path, sizeof path);
    if (status)
        return status;
    if (rename(output->path, path))
        return -errno;
    output->published = true;
    return sync_directory(output->directory);
}

const char *snapshot_output_path(const struct snapshot_output *output)
{
    return output->path;
}

void snapshot_output_close(struct snapshot_output **output)
{
    struct snapshot_output *old = *output;
    if (!old)
        return;
    if (old->fd >= 0) {
        close(old->fd);
        if (!old->published)
            unlink(old->path);
    }
    free(old);
    *output = NULL;
}
