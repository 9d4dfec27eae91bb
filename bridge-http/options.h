/* SPDX-License-Identifier: MPL-2.0 */
/* The command line and the environment of rentbus-http. */
#ifndef RENTBUS_HTTP_OPTIONS_H
#define RENTBUS_HTTP_OPTIONS_H

#include <stdbool.h>

#include "bridge-http/listen.h"

#define HTTP_LISTEN_DEFAULT "127.0.0.1:8080"
/* Connections open at once. */
#define HTTP_CONNECTIONS_DEFAULT 10000
#define HTTP_CONNECTIONS_MAX 1000000u

/* Exit codes of the program. */
enum http_exit {
    HTTP_EXIT_OK = 0,
    HTTP_EXIT_USAGE = 2,
    HTTP_EXIT_UNAVAILABLE = 69, /* the address cannot be bound */
    HTTP_EXIT_SYSTEM = 71,      /* the system refused something else */
    HTTP_EXIT_CONFIG = 78,      /* an address or an endpoint that is none, or not allowed */
};

struct http_options {
    struct http_address listen;
    const char *api;    /* NULL: as the SDK has it */
    const char *events; /* NULL: as the SDK has it */
    unsigned connections_max;
    unsigned connections_per_ip; /* 0: no limit of its own */
    bool help;
    bool version;
};

extern const char http_usage[];

/* Longest message of http_options_read(), and its NUL. */
#define HTTP_OPTIONS_MESSAGE_SIZE 400

/* Reads argv and the environment; a flag goes before the environment. HTTP_EXIT_OK with *options,
 * whose texts are those of argv and the environment; else the exit code, with a message for
 * people. Uses getopt's globals. */
enum http_exit http_options_read(int argc, char **argv, struct http_options *options,
                                 char message[HTTP_OPTIONS_MESSAGE_SIZE])
    __attribute__((warn_unused_result));

#endif
