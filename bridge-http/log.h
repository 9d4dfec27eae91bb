/* SPDX-License-Identifier: MPL-2.0 */
/* Log lines on stderr, in logfmt: level=info msg="…". For the journal of systemd each begins with
 * its priority, "<6>". Only the program itself logs: nothing below bridge.c does. */
#ifndef RENTBUS_HTTP_LOG_H
#define RENTBUS_HTTP_LOG_H

#include <stddef.h>

enum http_log_level {
    HTTP_LOG_ERROR = 3, /* priorities of syslog */
    HTTP_LOG_WARNING = 4,
    HTTP_LOG_INFO = 6,
};

/* Longest line in bytes; what does not fit is cut. */
#define HTTP_LOG_LINE_SIZE 1024

void http_log(enum http_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The line that http_log() writes, with its newline. Returns its length. */
size_t http_log_line(char line[HTTP_LOG_LINE_SIZE], enum http_log_level level, int with_priority,
                     const char *message);

#endif
