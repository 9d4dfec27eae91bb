/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lines.h"

#include <errno.h>
#include <stdlib.h>

int cli_lines_take(struct cli_lines *lines, FILE *file)
{
    char *buffer = malloc(CLI_LINES_MAX);
    if (!buffer) {
        if (file != stdin)
            fclose(file);
        return -ENOMEM;
    }
    *lines = (struct cli_lines){.file = file, .buffer = buffer};
    return 0;
}

int cli_lines_open(struct cli_lines *lines, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    return file ? cli_lines_take(lines, file) : -errno;
}

void cli_lines_close(struct cli_lines *lines)
{
    if (lines->file && lines->file != stdin)
        fclose(lines->file);
    free(lines->buffer);
    *lines = (struct cli_lines){0};
}

/* Appends bytes up to `end` (EOF: none ends it). The byte that ended it; what does not fit is
 * passed over and *overflow set. */
static int append_until(struct cli_lines *lines, int end, bool *overflow)
{
    int byte;
    while ((byte = getc_unlocked(lines->file)) != EOF && byte != end) {
        if (lines->length == CLI_LINES_MAX)
            *overflow = true;
        else
            lines->buffer[lines->length++] = (char)byte;
    }
    return byte;
}

static int finish(struct cli_lines *lines, bool overflow, struct rentbus_text *text)
{
    if (ferror(lines->file))
        return errno ? -errno : -EIO;
    if (overflow)
        return -EFBIG;
    *text = (struct rentbus_text){lines->buffer, lines->length};
    return 1;
}

int cli_lines_next(struct cli_lines *lines, struct rentbus_text *line)
{
    bool overflow = false;
    lines->length = 0;
    errno = 0;
    int byte = append_until(lines, '\n', &overflow);
    if (byte == EOF && lines->length == 0 && !ferror(lines->file))
        return 0;
    lines->number++;
    return finish(lines, overflow, line);
}

int cli_lines_rest(struct cli_lines *lines, struct rentbus_text *text)
{
    bool overflow = lines->length == CLI_LINES_MAX;
    if (!overflow)
        lines->buffer[lines->length++] = '\n';
    errno = 0;
    append_until(lines, EOF, &overflow);
    return finish(lines, overflow, text);
}

bool cli_lines_blank(struct rentbus_text line)
{
    for (size_t i = 0; i < line.length; i++)
        if (!strchr(" \t\r", line.data[i]) || line.data[i] == '\0')
            return false;
    return true;
}
