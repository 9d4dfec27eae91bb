/* SPDX-License-Identifier: MPL-2.0 */
/* Bytes that pass for the file of a snapshot: as they are, and with the trailer that they should
 * have, which nobody guesses. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/engine/snapshot_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void append(int fd, const void *data, size_t size)
{
    if (write(fd, data, size) != (ssize_t)size)
        abort();
}

static void append_trailer(int fd, const uint8_t *data, size_t size)
{
    crypto_generichash_state state;
    uint8_t trailer[SNAPSHOT_TRAILER_SIZE];

    snapshot_put_number(trailer, size, 8);
    crypto_generichash_init(&state, NULL, 0, RENTBUS_HASH_SIZE);
    crypto_generichash_update(&state, data, size);
    crypto_generichash_update(&state, trailer, 8);
    crypto_generichash_final(&state, trailer + 8, RENTBUS_HASH_SIZE);
    append(fd, trailer, sizeof(trailer));
}

/* What is refused leaves nothing behind, and says why. */
static void read_file(int fd, uint64_t size, bool with_tally)
{
    struct snapshot_contents contents = {0};
    const char *why = NULL;
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int status = snapshot_file_read(path, "main", with_tally, &contents, &why);
    if (status && (status != -EBADMSG || !why || contents.ledger || contents.tally))
        abort();
    if (status == 0 && (contents.bytes != size || !contents.tally == with_tally ||
                        ledger_head(contents.ledger) != contents.header.head.seq))
        abort();
    snapshot_contents_release(&contents);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("snapshot", MFD_CLOEXEC);

    if (fd < 0)
        abort();
    append(fd, data, size);
    read_file(fd, size, true);
    append_trailer(fd, data, size);
    read_file(fd, size + SNAPSHOT_TRAILER_SIZE, true);
    read_file(fd, size + SNAPSHOT_TRAILER_SIZE, false);
    close(fd);
    return 0;
}
