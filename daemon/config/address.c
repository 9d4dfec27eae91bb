/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/config/address.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define IPC "ipc://"
#define TCP "tcp://"
#define LOCALHOST TCP "localhost:"

const char *address_ipc_path(const char *endpoint)
{
    return strncmp(endpoint, IPC, strlen(IPC)) == 0 ? endpoint + strlen(IPC) : NULL;
}

static bool is_loopback(const char *host, size_t length)
{
    static const char *const names[] = {"localhost", "[::1]", "::1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == length && memcmp(names[i], host, length) == 0)
            return true;
    return length > 4 && memcmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= length;
}

static const char *tcp_problem(const char *address)
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address)
        return "is not tcp://HOST:PORT";
    if (!is_loopback(address, (size_t)(colon - address)))
        return "is not a loopback address; without keys tcp serves this machine only";
    if (strcmp(colon, ":*") == 0)
        return NULL;
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end || port > 65535)
        return "has no port from 0 to 65535";
    return NULL;
}

const char *address_problem(const char *endpoint)
{
    const char *path = address_ipc_path(endpoint);
    if (path) {
        if (*path != '/')
            return "is not ipc:// with an absolute path";
        if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
            return "is longer than a socket path may be (107 bytes)";
        return NULL;
    }
    if (strncmp(endpoint, TCP, strlen(TCP)) == 0)
        return tcp_problem(endpoint + strlen(TCP));
    return "is neither ipc://PATH nor tcp://HOST:PORT";
}

void address_numeric(const char *endpoint, char address[ADDRESS_SIZE])
{
    size_t length = strlen(LOCALHOST);
    bool named = strncmp(endpoint, LOCALHOST, length) == 0;
    snprintf(address, ADDRESS_SIZE, "%s%s", named ? TCP "127.0.0.1:" : "",
             named ? endpoint + length : endpoint);
}
