/* SPDX-License-Identifier: MPL-2.0 */
/* Lines of logfmt on stderr, with the priority in front where the system's journal reads them. */
#ifndef RENTBUS_SERVER_LOG_H
#define RENTBUS_SERVER_LOG_H

#include <syslog.h>

/* `format` makes key=value pairs. From any thread. */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
