/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *level_text(enum http_log_level level)
{
    return level == HTTP_LOG_ERROR ? "error" : level == HTTP_LOG_WARNING ? "warning" : "info";
}

size_t http_log_line(char line[HTTP_LOG_LINE_SIZE], enum http_log_level level, int with_priority,
                     const char *message)
{
    char priority[8] = "";
    if (with_priority)
        snprintf(priority, sizeof(priority), "<%d>", (int)level);
    size_t length = (size_t)snprintf(line, HTTP_LOG_LINE_SIZE, "%slevel=%s msg=\"", priority,
                                     level_text(level));
    for (; *message && length < HTTP_LOG_LINE_SIZE - 4; message++) {
        unsigned char byte = (unsigned char)*message;
        if (byte == '"' || byte == '\\')
            line[length++] = '\\';
        line[length++] = byte < 0x20 || byte == 0x7f ? ' ' : (char)byte;
    }
    line[length++] = '"';
    line[length++] = '\n';
    return length;
}

void http_log(enum http_log_level level, const char *format, ...)
{
    char message[HTTP_LOG_LINE_SIZE];
    char line[HTTP_LOG_LINE_SIZE];
    int with_priority = getenv("JOURNAL_STREAM") || getenv("INVOCATION_ID");
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    size_t length = http_log_line(line, level, with_priority, message);
    /* There is nowhere to say that saying something failed. */
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
}
