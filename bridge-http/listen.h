/* SPDX-License-Identifier: MPL-2.0 */
/* The address that the bridge listens on. */
#ifndef RENTBUS_HTTP_LISTEN_H
#define RENTBUS_HTTP_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>

/* Longest "HOST:PORT", and its NUL. */
#define HTTP_ADDRESS_SIZE 300
/* "[0123:…:cdef%interface]:65535" and its NUL. */
#define HTTP_ADDRESS_TEXT_SIZE 96

struct http_address {
    struct sockaddr_storage address;
    socklen_t length;
};

/* Reads "127.0.0.1:8080", "[::1]:8080", "localhost:8080". 0, or -EINVAL. */
int http_address_parse(const char *text, struct http_address *address)
    __attribute__((warn_unused_result));
/* Whether only this machine can reach it. */
bool http_address_is_loopback(const struct http_address *address);
/* As it is parsed. */
void http_address_format(const struct http_address *address, char text[HTTP_ADDRESS_TEXT_SIZE]);

/* Binds and listens; *address becomes what was bound (port 0 picks one). The socket, or -errno. */
int http_listen(struct http_address *address) __attribute__((warn_unused_result));

#endif
