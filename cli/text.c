/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/text.h"

#include <stdio.h>

#define DISTANCE_WORD_MAX 63

/* The length of the UTF-8 character that the text begins with, 0 when it is none to show. */
static size_t shown_length(struct rentbus_text text)
{
    unsigned char first = (unsigned char)text.data[0];
    bool control = first < 0x20 || first == 0x7f;
    if (first == 0xc2 && text.length > 1)
        control = (unsigned char)text.data[1] < 0xa0;
    if (control)
        return 0;
    for (size_t length = 1; length <= 4 && length <= text.length; length++)
        if (rentbus_utf8_valid(text.data, length))
            return length;
    return 0;
}

char *cli_text_clean(struct rentbus_text text, char *out, size_t size)
{
    size_t used = 0;
    while (text.length > 0) {
        char escape[8];
        size_t taken = shown_length(text);
        const char *piece = text.data;
        size_t length = taken;
        if (taken == 0) {
            length = (size_t)snprintf(escape, sizeof(escape), "\\x%02x", text.data[0] & 0xff);
            piece = escape;
            taken = 1;
        }
        if (used + length >= size)
            break;
        memcpy(out + used, piece, length);
        used += length;
        text.data += taken;
        text.length -= taken;
    }
    out[used] = '\0';
    return out;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t cli_text_distance(const char *a, const char *b)
{
    size_t row[DISTANCE_WORD_MAX + 1];
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    if (a_length > DISTANCE_WORD_MAX || b_length > DISTANCE_WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = least(change, least(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[b_length];
}

void cli_text_nearer(const char *word, const char *candidate, const char **best,
                     size_t *best_distance)
{
    size_t distance = cli_text_distance(word, candidate);
    if (distance < *best_distance) {
        *best_distance = distance;
        *best = candidate;
    }
}
