/* SPDX-License-Identifier: MPL-2.0 */
/* The sockets and the loop: a ROUTER for requests, an XPUB for events, signals, the watchdog. */
#ifndef RENTBUS_SERVER_SERVER_H
#define RENTBUS_SERVER_SERVER_H

#include "daemon/config/config.h"

/* Runs until SIGTERM or SIGINT. Returns a status of sysexits.h: 0 after a clean stop. Blocks those
 * signals in the calling thread, which should be the process's first and only one. */
int server_run(const struct config *config);

#endif
