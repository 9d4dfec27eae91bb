/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/load.h"

#define HEAD_SIZE 256
#define ANSWER_MAX 8192
#define WAIT_MS 30000

struct connection {
    int fd;
    size_t length;
    char answer[ANSWER_MAX + 1];
};

struct client {
    char head[HEAD_SIZE];
    int epoll;
    size_t body_size; /* of the last answer */
    struct connection connections[HTTP_CONNECTIONS];
};

static void send_request(const struct client *client, const struct connection *connection)
{
    size_t length = strlen(client->head);
    if (send(connection->fd, client->head, length, MSG_NOSIGNAL) != (ssize_t)length)
        load_fail("cannot send: %s", strerror(errno));
}

static void client_open(struct client *client, const struct sockaddr_in *address, const char *path)
{
    int one = 1;
    snprintf(client->head, sizeof client->head, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < HTTP_CONNECTIONS; i++) {
        struct connection *connection = &client->connections[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        connection->length = 0;
        connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connection->fd < 0 ||
            connect(connection->fd, (const struct sockaddr *)address, sizeof *address) ||
            setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
            epoll_ctl(client->epoll, EPOLL_CTL_ADD, connection->fd, &event))
            load_fail("cannot connect: %s", strerror(errno));
    }
}

static void client_close(struct client *client)
{
    for (size_t i = 0; i < HTTP_CONNECTIONS; i++)
        close(client->connections[i].fd);
    close(client->epoll);
}

/* Whether the answer is complete; *body is how long its body is. */
static bool complete(const struct connection *connection, size_t *body)
{
    static const char key[] = "\r\ncontent-length:";
    const char *end = strstr(connection->answer, "\r\n\r\n");
    if (!end)
        return false;
    const char *length = strcasestr(connection->answer, key);
    if (strncmp(connection->answer, "HTTP/1.1 200 ", 13) != 0 || !length || length > end)
        load_fail("the answer is: %s", connection->answer);
    *body = strtoul(length + strlen(key), NULL, 10);
    return connection->length >= (size_t)(end + 4 - connection->answer) + *body;
}

/* Whether that brought the answer. */
static bool receive(struct client *client, struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->answer + connection->length,
                       ANSWER_MAX - connection->length, 0);
    if (got <= 0)
        load_fail("a connection was closed");
    connection->length += (size_t)got;
    connection->answer[connection->length] = '\0';
    if (!complete(connection, &client->body_size))
        return false;
    connection->length = 0;
    return true;
}

static double measure(struct client *client, size_t count)
{
    struct epoll_event events[HTTP_CONNECTIONS];
    size_t sent = HTTP_CONNECTIONS;
    double start = load_clock();
    for (size_t i = 0; i < HTTP_CONNECTIONS; i++)
        send_request(client, &client->connections[i]);
    for (size_t done = 0; done < count;) {
        int ready = epoll_wait(client->epoll, events, HTTP_CONNECTIONS, WAIT_MS);
        if (ready <= 0)
            load_fail("no answer");
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!receive(client, connection))
                continue;
            done++;
            if (sent++ < count)
                send_request(client, connection);
        }
    }
    return (double)count / (load_clock() - start);
}

static double ask(struct client *client, const struct sockaddr_in *address, const char *path,
                  size_t count)
{
    client_open(client, address, path);
    double per_second = measure(client, count);
    client_close(client);
    return per_second;
}

static double ask_bare(struct client *client, const char *const arguments[], size_t count)
{
    struct sockaddr_in address;
    pid_t pid = rig_listen(arguments, &address);
    double per_second = ask(client, &address, "/", count);
    rig_end(pid, SIGTERM);
    return per_second;
}

struct http_figures http_measure(struct desk *desk, const char *bridge, size_t count)
{
    static struct client client;
    struct http_figures figures;
    struct sockaddr_in address;
    char id[RENTBUS_UUID_TEXT_SIZE + 1];
    char path[64];
    char size[16];
    char request[16];
    desk_find_rental(desk, id);
    snprintf(path, sizeof path, "/rentals/%s", id);
    pid_t pid = rig_bridge(&desk->rig, bridge, &address);
    figures.bridge = ask(&client, &address, path, count);
    rig_end(pid, SIGTERM);
    snprintf(size, sizeof size, "%zu", client.body_size);
    snprintf(request, sizeof request, "%zu", desk_echo_gets(desk));
    const char *self = "/proc/self/exe";
    figures.bare = ask_bare(&client, (const char *[]){self, "--static", size, NULL}, count);
    figures.bare_bridge = ask_bare(
        &client, (const char *[]){self, "--bridge", size, request, desk->rig.bare, NULL}, count);
    return figures;
}
