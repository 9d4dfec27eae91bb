/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How many connections the daemon takes. libzmq 4.3 ends the process when a connection over ipc
 * comes and no descriptor is left; and the ledger needs some for its own files. So this file has an
 * accept4() of its own, which libzmq finds before that of the C library: a connection that would
 * take one of the last descriptors is closed at once, and its client may try again.
 */
#ifndef RENTBUS_SERVER_ACCEPT_H
#define RENTBUS_SERVER_ACCEPT_H

#include <sys/resource.h>

/* Kept for files of the ledger, its snapshots and its readers; of a small limit, a quarter. */
#define ACCEPT_SPARE 64

/* The process may have so many descriptors open. Until then all connections are taken. Of any
 * thread. */
void accept_set_descriptors(rlim_t descriptors);

#endif
