/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool port_valid(const char *port)
{
    size_t digits = strspn(port, "0123456789");
    unsigned long number = 0;
    if (digits == 0 || digits > 5 || port[digits])
        return false;
    for (; *port; port++)
        number = number * 10 + (unsigned long)(*port - '0');
    return number <= UINT16_MAX;
}

int http_address_parse(const char *text, struct http_address *address)
{
    char host[HTTP_ADDRESS_SIZE];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const char *port = strrchr(text, ':');
    if (!port || port == text || (size_t)(port - text) >= sizeof(host) || !port_valid(port + 1))
        return -EINVAL;
    size_t length = (size_t)(port - text);
    bool brackets = text[0] == '[' && text[length - 1] == ']';
    memcpy(host, text + brackets, length - 2 * (size_t)brackets);
    host[length - 2 * (size_t)brackets] = '\0';
    /* Without brackets, a colon would leave open where the port begins. */
    if (!brackets && strchr(host, ':'))
        return -EINVAL;
    if (getaddrinfo(host, port + 1, &hints, &found) != 0)
        return -EINVAL;
    *address = (struct http_address){.length = found->ai_addrlen};
    memcpy(&address->address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return 0;
}

bool http_address_is_loopback(const struct http_address *address)
{
    if (address->address.ss_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, &address->address, sizeof(ipv4));
        return ntohl(ipv4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    struct sockaddr_in6 ipv6;
    memcpy(&ipv6, &address->address, sizeof(ipv6));
    return address->address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ipv6.sin6_addr);
}

void http_address_format(const struct http_address *address, char text[HTTP_ADDRESS_TEXT_SIZE])
{
    char host[HTTP_ADDRESS_TEXT_SIZE - 16] = "?";
    char port[8] = "?";
    bool ipv6 = address->address.ss_family == AF_INET6;
    getnameinfo((const struct sockaddr *)&address->address, address->length, host, sizeof(host),
                port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(text, HTTP_ADDRESS_TEXT_SIZE, ipv6 ? "[%s]:%s" : "%s:%s", host, port);
}

static int socket_bind(int fd, struct http_address *address)
{
    int on = 1;
    bool ipv6 = address->address.ss_family == AF_INET6;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        (ipv6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
        bind(fd, (const struct sockaddr *)&address->address, address->length) < 0 ||
        listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address->address, &address->length) < 0)
        return -errno;
    return 0;
}

int http_listen(struct http_address *address)
{
    int fd = socket(address->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int error = socket_bind(fd, address);
    if (!error)
        return fd;
    close(fd);
    return error;
}
