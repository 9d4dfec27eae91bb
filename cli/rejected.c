/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/rejected.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

struct cli_rejected {
    char *path;
    FILE *file; /* NULL until the first scan goes there */
    struct rentbus_uuid *ids;
    size_t count;
    size_t size;
};

/* Where an id is among the others, which are sorted, or would be. */
static size_t id_place(const struct cli_rejected *rejected, struct rentbus_uuid id)
{
    size_t low = 0;
    size_t high = rejected->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(&rejected->ids[middle], &id, sizeof(id)) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool id_known(const struct cli_rejected *rejected, struct rentbus_uuid id)
{
    size_t place = id_place(rejected, id);
    return place < rejected->count && memcmp(&rejected->ids[place], &id, sizeof(id)) == 0;
}

static int id_keep(struct cli_rejected *rejected, struct rentbus_uuid id)
{
    size_t place = id_place(rejected, id);
    if (rejected->count == rejected->size) {
        size_t size = rejected->size ? rejected->size * 2 : 64;
        struct rentbus_uuid *grown = realloc(rejected->ids, size * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        rejected->ids = grown;
        rejected->size = size;
    }
    memmove(rejected->ids + place + 1, rejected->ids + place,
            (rejected->count - place) * sizeof(*rejected->ids));
    rejected->ids[place] = id;
    rejected->count++;
    return 0;
}

static int line_keep(struct cli_rejected *rejected, struct rentbus_text line)
{
    struct rentbus_uuid id;
    json_t *json = json_loadb(line.data, line.length, 0, NULL);
    const char *text = json_string_value(json_object_get(json, "id"));
    int error = text && rentbus_uuid_parse(rentbus_text(text), &id) ? id_keep(rejected, id) : 0;
    json_decref(json);
    return error;
}

/* The bytes up to the end of the last whole line. */
static int file_read(struct cli_rejected *rejected, FILE *file, off_t *whole)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int error = 0;
    *whole = 0;
    while (error == 0 && (length = getline(&line, &size, file)) > 0) {
        if (line[length - 1] != '\n')
            break;
        *whole += length;
        error = line_keep(rejected, (struct rentbus_text){line, (size_t)length - 1});
    }
    free(line);
    return error;
}

static int file_load(struct cli_rejected *rejected)
{
    off_t whole;
    FILE *file = fopen(rejected->path, "r+e");
    if (!file)
        return errno == ENOENT ? 0 : -errno;
    int error = file_read(rejected, file, &whole);
    if (error == 0 && ftruncate(fileno(file), whole) != 0)
        error = -errno;
    fclose(file);
    return error;
}

int cli_rejected_open(const char *path, struct cli_rejected **rejected)
{
    struct cli_rejected *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return -ENOMEM;
    int error = asprintf(&opened->path, "%s.rejected", path) < 0 ? -ENOMEM : 0;
    if (error)
        opened->path = NULL;
    else
        error = file_load(opened);
    if (error) {
        cli_rejected_close(&opened);
        return error;
    }
    *rejected = opened;
    return 0;
}

void cli_rejected_close(struct cli_rejected **rejected)
{
    struct cli_rejected *gone = *rejected;
    if (!gone)
        return;
    if (gone->file)
        fclose(gone->file);
    free(gone->ids);
    free(gone->path);
    free(gone);
    *rejected = NULL;
}

static json_t *text_json(struct rentbus_text text)
{
    return json_stringn(text.data ? text.data : "", text.length);
}

static int verdict_set(json_t *json, const struct rentbus_command_result *result,
                       const struct rentbus_fault *fault)
{
    if (fault) {
        const char *code = rentbus_word_text(&rentbus_error_code_words, (int)fault->code);
        return json_object_set_new(json, "error",
                                   json_pack("{s:s, s:s, s:s}", "code", code, "field", fault->field,
                                             "message", fault->message));
    }
    const char *outcome = rentbus_word_text(&rentbus_outcome_words, (int)result->outcome);
    json_t *reasons = json_array();
    for (size_t i = 0; i < result->reasons.count; i++)
        json_array_append_new(reasons, text_json(result->reasons.items[i]));
    return json_object_set_new(json, "outcome", json_string(outcome)) |
           json_object_set_new(json, "reasons", reasons);
}

static int line_write(struct cli_rejected *rejected, const char *text)
{
    if (!rejected->file)
        rejected->file = fopen(rejected->path, "ae");
    if (!rejected->file)
        return -errno;
    return fprintf(rejected->file, "%s\n", text) < 0 ? -EIO : 0;
}

int cli_rejected_add(struct cli_rejected *rejected, struct rentbus_uuid id,
                     struct rentbus_text line, const struct rentbus_command_result *result,
                     const struct rentbus_fault *fault)
{
    if (id_known(rejected, id))
        return 0;
    json_t *json = json_loadb(line.data, line.length, 0, NULL);
    bool good = json && verdict_set(json, result, fault) == 0;
    char *text = good ? json_dumps(json, JSON_COMPACT) : NULL;
    int error = text ? line_write(rejected, text) : -ENOMEM;
    if (error == 0)
        error = id_keep(rejected, id);
    free(text);
    json_decref(json);
    return error;
}

int cli_rejected_sync(struct cli_rejected *rejected)
{
    if (!rejected->file)
        return 0;
    return fflush(rejected->file) != 0 || fsync(fileno(rejected->file)) != 0 ? -errno : 0;
}
