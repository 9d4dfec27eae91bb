/* SPDX-License-Identifier: MPL-2.0 */
/* Finding and reading the files of snapshots. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/snapshot_format.h"
#include "daemon/ledger/snapshot.h"
#include "sdk/protocol/cbor.h"

#define BUFFER_SIZE ((size_t)256 << 10)

/* What was given out of `bytes` is hashed when they are filled anew. */
struct input {
    int fd;
    uint64_t size;     /* of the file */
    uint64_t consumed; /* of it */
    crypto_generichash_state hash;
    size_t at;
    size_t hashed;
    size_t end;
    size_t piece; /* what is left of the piece at hand */
    bool section_ended;
    const char *why;
    uint8_t bytes[BUFFER_SIZE];
};

/* ---- names ---- */

void snapshot_file_name(uint64_t seq, char name[SNAPSHOT_FILE_NAME_SIZE])
{
    snprintf(name, SNAPSHOT_FILE_NAME_SIZE, SNAPSHOT_FILE_PREFIX "%020" PRIu64, seq);
}

int snapshot_file_path(const char *directory, uint64_t seq, char *path, size_t size)
{
    char name[SNAPSHOT_FILE_NAME_SIZE];
    snapshot_file_name(seq, name);
    int length = snprintf(path, size, "%s/%s", directory, name);
    return length >= 0 && (size_t)length < size ? 0 : -ENAMETOOLONG;
}

/* The seq that a file's name says, or 0. */
static uint64_t seq_of(const char *name)
{
    size_t prefix = sizeof SNAPSHOT_FILE_PREFIX - 1;
    char expected[SNAPSHOT_FILE_NAME_SIZE];
    if (strncmp(name, SNAPSHOT_FILE_PREFIX, prefix) != 0)
        return 0;
    uint64_t seq = strtoull(name + prefix, NULL, 10);
    snapshot_file_name(seq, expected);
    return strcmp(name, expected) == 0 ? seq : 0;
}

int snapshot_file_newest(const char *directory, uint64_t most, uint64_t *seq)
{
    DIR *names = opendir(directory);
    if (!names)
        return -errno;
    uint64_t newest = 0;
    for (const struct dirent *entry = readdir(names); entry; entry = readdir(names)) {
        uint64_t found = seq_of(entry->d_name);
        if (found > newest && found <= most)
            newest = found;
    }
    closedir(names);
    *seq = newest;
    return 0;
}

void snapshot_file_clean(const char *directory, uint64_t newest, uint64_t before)
{
    char path[PATH_MAX];
    uint64_t seq = newest;
    if (snprintf(path, sizeof path, "%s/" SNAPSHOT_FILE_PART, directory) < PATH_MAX)
        unlink(path);
    while (seq && snapshot_file_newest(directory, seq - 1, &seq) == 0)
        if (seq && seq != before && snapshot_file_path(directory, seq, path, sizeof path) == 0)
            unlink(path);
}

/* ---- bytes ---- */

static int bad(struct input *input, const char *why)
{
    if (!input->why)
        input->why = why;
    return -EBADMSG;
}

static void hash_given(struct input *input)
{
    crypto_generichash_update(&input->hash, input->bytes + input->hashed,
                              input->at - input->hashed);
    input->hashed = input->at;
}

/* Makes `size` bytes at hand. */
static int need(struct input *input, size_t size)
{
    if (input->end - input->at >= size)
        return 0;
    hash_given(input);
    memmove(input->bytes, input->bytes + input->at, input->end - input->at);
    input->end -= input->at;
    input->at = input->hashed = 0;
    while (input->end < size) {
        ssize_t got = read(input->fd, input->bytes + input->end, BUFFER_SIZE - input->end);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            return bad(input, "it ends too early");
        if (got > 0)
            input->end += (size_t)got;
    }
    return 0;
}

static const uint8_t *take(struct input *input, size_t size)
{
    const uint8_t *bytes = input->bytes + input->at;
    input->at += size;
    input->consumed += size;
    return bytes;
}

/* Makes a byte of the section at hand: 0, also at its end. */
static int need_piece(struct input *input)
{
    if (input->piece || input->section_ended)
        return input->piece ? need(input, 1) : 0;
    int status = need(input, 4);
    if (status)
        return status;
    input->piece = (size_t)snapshot_take_number(take(input, 4), 4);
    input->section_ended = input->piece == 0;
    if (input->piece > SNAPSHOT_PIECE_MAX)
        return bad(input, "it is damaged");
    return input->section_ended ? 0 : need(input, 1);
}

/* A ledger_snapshot_source of the section at hand. */
static int give(void *context, void *data, size_t size, size_t *got)
{
    struct input *input = context;
    int status = need_piece(input);
    if (status)
        return status;
    size_t part = input->end - input->at;
    part = part < input->piece ? part : input->piece;
    part = part < size ? part : size;
    if (part)
        memcpy(data, take(input, part), part);
    input->piece -= part;
    *got = part;
    return 0;
}

/* Appends what is left of the section to `out`, or passes it over. */
static int read_section(struct input *input, struct rentbus_buffer *out)
{
    uint8_t bytes[4096];
    size_t got = 1;
    int status = 0;
    while (status == 0 && got) {
        status = give(input, bytes, sizeof bytes, &got);
        if (status == 0 && out)
            rentbus_buffer_append(out, bytes, got);
    }
    return status == 0 && out && out->failed ? -ENOMEM : status;
}

static int end_section(struct input *input)
{
    int status = need_piece(input);
    if (status == 0 && !input->section_ended)
        status = bad(input, "a section of it is too long");
    input->section_ended = false;
    return status;
}

/* ---- parts ---- */

static int read_header(struct input *input, const char *ledger, struct snapshot_header *header)
{
    int status = need(input, SNAPSHOT_HEADER_SIZE);
    if (status)
        return status;
    const uint8_t *bytes = take(input, SNAPSHOT_HEADER_SIZE);
    if (memcmp(bytes, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_SIZE) != 0)
        return bad(input, "it is no snapshot");
    if (snapshot_take_number(bytes + SNAPSHOT_AT_FORMAT, 8) != SNAPSHOT_FILE_FORMAT)
        return bad(input, "it has a format of another version");
    *header = (struct snapshot_header){
        .head = {snapshot_take_number(bytes + SNAPSHOT_AT_SEQ, 8),
                 (int64_t)snapshot_take_number(bytes + SNAPSHOT_AT_TIME, 8),
                 {0}},
        .digest = snapshot_take_number(bytes + SNAPSHOT_AT_DIGEST, 8),
    };
    memcpy(header->head.hash, bytes + SNAPSHOT_AT_HASH, RENTBUS_HASH_SIZE);
    memcpy(header->ledger, bytes + SNAPSHOT_AT_LEDGER, CHAIN_LEDGER_MAX);
    return strcmp(header->ledger, ledger) == 0 ? 0 : bad(input, "it is of another ledger");
}

static int read_ledger(struct input *input, struct snapshot_contents *contents)
{
    int status = ledger_snapshot_read(give, input, input->size, &contents->ledger);
    if (status == 0)
        status = end_section(input);
    if (status == 0 && ledger_head(contents->ledger) != contents->header.head.seq)
        status = bad(input, "its ledger stands elsewhere");
    return status;
}

static int64_t tally_number(struct rentbus_cbor_item item)
{
    return item.type == RENTBUS_CBOR_NEGATIVE ? -1 - (int64_t)item.number : (int64_t)item.number;
}

static int add_rows(struct rentbus_bytes bytes, struct tally *tally)
{
    const struct rentbus_cbor_limits limits = {SIZE_MAX, SIZE_MAX, 1};
    if (rentbus_cbor_check(bytes, &limits) != RENTBUS_CBOR_OK)
        return -EBADMSG;
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(bytes);
    struct rentbus_cbor_item array = rentbus_cbor_read(&reader);
    if (array.type != RENTBUS_CBOR_ARRAY || array.number % SNAPSHOT_TALLY_FIELDS)
        return -EBADMSG;
    for (uint64_t i = 0; i < array.number; i += SNAPSHOT_TALLY_FIELDS) {
        struct tally_row row = {.day = tally_number(rentbus_cbor_read(&reader))};
        row.kind = (enum tally_kind)rentbus_cbor_read(&reader).number;
        struct rentbus_bytes name = rentbus_cbor_read(&reader).bytes;
        row.bucket = rentbus_cbor_read(&reader).number;
        row.count = rentbus_cbor_read(&reader).number;
        if (name.length)
            row.name = (struct rentbus_text){(const char *)name.data, name.length};
        int status = tally_add(tally, &row);
        if (status)
            return status;
    }
    return 0;
}

static int read_tally(struct input *input, struct snapshot_contents *contents)
{
    struct rentbus_buffer bytes = {0};
    int status = read_section(input, &bytes);
    contents->tally = tally_create();
    if (!contents->tally)
        status = -ENOMEM;
    if (status == 0)
        status = add_rows((struct rentbus_bytes){bytes.data, bytes.length}, contents->tally);
    rentbus_buffer_release(&bytes);
    return status;
}

static int check_trailer(struct input *input)
{
    uint8_t hash[RENTBUS_HASH_SIZE];
    uint64_t length = input->consumed;
    int status = need(input, SNAPSHOT_TRAILER_SIZE);
    if (status)
        return status;
    if (snapshot_take_number(take(input, 8), 8) != length)
        return bad(input, "it is damaged");
    hash_given(input);
    crypto_generichash_final(&input->hash, hash, sizeof hash);
    if (memcmp(take(input, sizeof hash), hash, sizeof hash) != 0)
        return bad(input, "its checksum is wrong");
    return input->consumed == input->size ? 0 : bad(input, "something stands behind its end");
}

static int read_contents(struct input *input, const char *ledger, bool with_tally,
                         struct snapshot_contents *contents)
{
    int status = read_header(input, ledger, &contents->header);
    if (status == 0)
        status = read_section(input, &contents->bus);
    if (status == 0)
        status = end_section(input);
    if (status == 0)
        status = read_ledger(input, contents);
    if (status == 0)
        status = with_tally ? read_tally(input, contents) : read_section(input, NULL);
    if (status == 0)
        status = end_section(input);
    if (status == 0)
        status = check_trailer(input);
    contents->bytes = input->size;
    return status == -EBADMSG ? bad(input, "it is damaged") : status;
}

static void close_input(struct input **input)
{
    if (!*input)
        return;
    if ((*input)->fd >= 0)
        close((*input)->fd);
    free(*input);
    *input = NULL;
}

/* NULL with errno set when it cannot be opened. */
static struct input *open_input(const char *path)
{
    struct stat stat;
    struct input *input = calloc(1, sizeof *input);
    if (!input)
        return NULL;
    crypto_generichash_init(&input->hash, NULL, 0, RENTBUS_HASH_SIZE);
    input->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (input->fd < 0 || fstat(input->fd, &stat)) {
        int error = errno;
        close_input(&input);
        errno = error;
        return NULL;
    }
    input->size = (uint64_t)stat.st_size;
    return input;
}

int snapshot_file_read(const char *path, const char *ledger, bool with_tally,
                       struct snapshot_contents *contents, const char **why)
{
    struct input *input = open_input(path);
    *why = "it cannot be read";
    if (!input)
        return -errno;
    int status = read_contents(input, ledger, with_tally, contents);
    if (input->why)
        *why = input->why;
    close_input(&input);
    if (status)
        snapshot_contents_release(contents);
    return status;
}

int snapshot_file_load(const char *directory, uint64_t seq, const char *ledger, bool with_tally,
                       struct snapshot_contents *contents, const char **why)
{
    char path[PATH_MAX];
    *why = "its path is too long";
    int status = snapshot_file_path(directory, seq, path, sizeof path);
    if (status == 0)
        status = snapshot_file_read(path, ledger, with_tally, contents, why);
    if (status || contents->header.head.seq == seq)
        return status;
    *why = "its name says another seq";
    snapshot_contents_release(contents);
    return -EBADMSG;
}

static int pass_over(struct input *input, const char *ledger, struct snapshot_header *header)
{
    int status = read_header(input, ledger, header);
    for (int section = 0; section < SNAPSHOT_SECTIONS && status == 0; section++) {
        status = read_section(input, NULL);
        if (status == 0)
            status = end_section(input);
    }
    return status ? status : check_trailer(input);
}

int snapshot_file_check(const char *directory, uint64_t seq, const char *ledger,
                        struct snapshot_header *header, const char **why)
{
    char path[PATH_MAX];
    *why = "its path is too long";
    int status = snapshot_file_path(directory, seq, path, sizeof path);
    if (status)
        return status;
    struct input *input = open_input(path);
    *why = "it cannot be read";
    if (!input)
        return -errno;
    posix_fadvise(input->fd, 0, 0, POSIX_FADV_DONTNEED);
    status = pass_over(input, ledger, header);
    if (status == 0 && header->head.seq != seq)
        status = bad(input, "its name says another seq");
    if (input->why)
        *why = input->why;
    close_input(&input);
    return status;
}

void snapshot_contents_release(struct snapshot_contents *contents)
{
    rentbus_buffer_release(&contents->bus);
    ledger_destroy(&contents->ledger);
    tally_destroy(&contents->tally);
    *contents = (struct snapshot_contents){0};
}
