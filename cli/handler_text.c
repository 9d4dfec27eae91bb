/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/handler_text.h"

#include "cli/field.h"
#include "cli/lines.h"

#include <stdio.h>

void handler_tail_add(struct handler_tail *tail, const char *bytes, size_t length)
{
    if (length >= sizeof(tail->bytes)) {
        bytes += length - sizeof(tail->bytes);
        length = sizeof(tail->bytes);
        tail->length = 0;
    }
    size_t kept = sizeof(tail->bytes) - length;
    if (tail->length > kept) {
        memmove(tail->bytes, tail->bytes + tail->length - kept, kept);
        tail->length = kept;
    }
    memcpy(tail->bytes + tail->length, bytes, length);
    tail->length += length;
}

/* The length of the character that the bytes begin with, 0 when it is none to keep. */
static size_t kept_length(const char *bytes, size_t length)
{
    unsigned char first = (unsigned char)bytes[0];
    if (first < 0x20 && first != '\n' && first != '\t')
        return 0;
    for (size_t size = 1; size <= 4 && size <= length && first != 0x7f; size++)
        if (rentbus_utf8_valid(bytes, size))
            return size;
    return 0;
}

char *handler_error(const char *what, const struct handler_tail *tail, char out[HANDLER_ERROR_SIZE])
{
    const char *from = tail->bytes;
    size_t left = tail->length;
    while (left > 0 && strchr(" \t\r\n", from[left - 1]))
        left--;
    size_t used = (size_t)snprintf(out, HANDLER_ERROR_SIZE, "%.100s%s", what, left > 0 ? ": " : "");
    /* What was cut in the middle of a character begins with its rest. */
    while (left > 0 && ((unsigned char)from[0] & 0xc0) == 0x80) {
        from++;
        left--;
    }
    while (left > 0 && used + 4 < HANDLER_ERROR_SIZE) {
        size_t length = kept_length(from, left);
        memcpy(out + used, length ? from : "?", length ? length : 1);
        used += length ? length : 1;
        from += length ? length : 1;
        left -= length ? length : 1;
    }
    out[used] = '\0';
    return out;
}

/* The next word of the text, which loses it and the blank behind it. */
static struct rentbus_text word_take(struct rentbus_text *text)
{
    const char *blank = text->length > 0 ? memchr(text->data, ' ', text->length) : NULL;
    size_t length = blank ? (size_t)(blank - text->data) : text->length;
    struct rentbus_text word = {text->data, length};
    text->data += length + (blank != NULL);
    text->length -= length + (blank != NULL);
    return word;
}

static bool text_is(struct rentbus_text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.data, word, text.length) == 0;
}

bool handler_answer_parse(struct rentbus_text line, struct handler_answer *answer)
{
    static const char *const words[] = {"ack", "retry", "fail"};
    struct handler_answer read = {.delay_ms = RENTBUS_DELAY_DEFAULT};
    size_t index = 0;
    uint64_t delay;
    if (line.length > 0 && line.data[line.length - 1] == '\r')
        line.length--;
    struct rentbus_text word = word_take(&line);
    while (index < sizeof(words) / sizeof(words[0]) && !text_is(word, words[index]))
        index++;
    if (index == sizeof(words) / sizeof(words[0]) || !cli_number_parse(word_take(&line), &read.seq))
        return false;
    read.word = (enum handler_word)index;
    if (read.word == HANDLER_RETRY && line.length > 0) {
        if (!cli_number_parse(line, &delay) || delay > UINT32_MAX)
            return false;
        read.delay_ms = (int64_t)delay;
    } else if (read.word == HANDLER_ACK && line.length > 0) {
        return false;
    }
    read.text = line;
    *answer = read;
    return true;
}

static int line_add(struct rentbus_text line, size_t number,
                    struct handler_publication *publication, char problem[HANDLER_ERROR_SIZE])
{
    struct rentbus_fault fault;
    size_t at = publication->count;
    if (at == RENTBUS_PUBLISH_MAX) {
        snprintf(problem, HANDLER_ERROR_SIZE, "more than %d events to publish",
                 RENTBUS_PUBLISH_MAX);
        return RENTBUS_ERROR_TOO_LARGE;
    }
    int status = rentbus_from_json(&rentbus_new_event_schema, line.data, line.length,
                                   &publication->events[at], &publication->storage[at], &fault);
    if (status == 0)
        publication->count++;
    else if (status > 0)
        snprintf(problem, HANDLER_ERROR_SIZE, "line %zu of the output is no event: %s%s%s", number,
                 fault.field, fault.field[0] ? " " : "", fault.message);
    return status;
}

int handler_publication_parse(struct rentbus_text output, struct handler_publication *publication,
                              char problem[HANDLER_ERROR_SIZE])
{
    int status = 0;
    publication->count = 0;
    for (size_t number = 1; output.length > 0 && status == 0; number++) {
        const char *end = memchr(output.data, '\n', output.length);
        size_t length = end ? (size_t)(end - output.data) : output.length;
        struct rentbus_text line = {output.data, length};
        if (!cli_lines_blank(line))
            status = line_add(line, number, publication, problem);
        output.data += length + (end != NULL);
        output.length -= length + (end != NULL);
    }
    if (status)
        handler_publication_release(publication);
    return status;
}

void handler_publication_release(struct handler_publication *publication)
{
    while (publication->count > 0)
        rentbus_free(publication->storage[--publication->count]);
}
