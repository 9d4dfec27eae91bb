/* SPDX-License-Identifier: MPL-2.0 */
/* Addresses to listen on, as text. Pure. */
#ifndef RENTBUS_CONFIG_ADDRESS_H
#define RENTBUS_CONFIG_ADDRESS_H

/* What is wrong with an endpoint to bind, as the end of a sentence, or NULL: it is ipc:// with a
 * path that fits a socket address, or tcp:// with a loopback host and a port (0 or * for any). */
const char *address_problem(const char *endpoint);
/* The path of an ipc endpoint; NULL for others. */
const char *address_ipc_path(const char *endpoint);

#define ADDRESS_SIZE 256 /* of the longest endpoint, with its NUL */
/* The endpoint with 127.0.0.1 for localhost: libzmq looks no names up for a bind. */
void address_numeric(const char *endpoint, char address[ADDRESS_SIZE]);

#endif
