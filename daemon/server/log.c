/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/server/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LOG_LINE_SIZE 1024

void log_line(int priority, const char *format, ...)
{
    static const char *const levels[] = {"emergency", "alert",  "critical", "error",
                                         "warning",   "notice", "info",     "debug"};
    char pairs[LOG_LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(pairs, sizeof pairs, format, arguments);
    va_end(arguments);
    if (getenv("JOURNAL_STREAM"))
        fprintf(stderr, "<%d>%s\n", priority, pairs);
    else
        fprintf(stderr, "level=%s %s\n", levels[priority & 7], pairs);
}
