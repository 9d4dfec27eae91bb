/* SPDX-License-Identifier: MPL-2.0 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "tests/bench/http.h"
#include "tests/bench/load.h"

#define BODY_MAX 4096
#define QUESTION_MAX 4096

/* Who waits for an answer, in the order of the questions: an echo answers in order. */
struct line {
    size_t first;
    size_t count;
    struct MHD_Connection *connections[HTTP_CONNECTIONS];
};

struct bare {
    struct MHD_Daemon *daemon;
    void *echo; /* NULL: nobody is asked */
    int echo_fd;
    size_t question_size;
    struct line asking;  /* who is to be asked for */
    struct line waiting; /* who was asked for */
    size_t size;
    char body[BODY_MAX];
};

/* How far a request is. */
static int seen;
static int asked;

static void line_put(struct line *line, struct MHD_Connection *connection)
{
    if (line->count == HTTP_CONNECTIONS)
        load_fail("there are too many connections");
    line->connections[(line->first + line->count++) % HTTP_CONNECTIONS] = connection;
}

static struct MHD_Connection *line_take(struct line *line)
{
    if (line->count == 0)
        load_fail("an answer that nobody waits for");
    struct MHD_Connection *connection = line->connections[line->first];
    line->first = (line->first + 1) % HTTP_CONNECTIONS;
    line->count--;
    return connection;
}

static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *data,
                             size_t *data_size, void **request)
{
    struct bare *bare = context;
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    (void)data_size;
    if (!*request) {
        *request = &seen;
        return MHD_YES;
    }
    if (bare->echo && *request == &seen) {
        *request = &asked;
        MHD_suspend_connection(connection);
        line_put(&bare->asking, connection);
        return MHD_YES;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(bare->size, bare->body, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

/* All at once, so that libzmq's thread is woken once. */
static void ask(struct bare *bare)
{
    static char question[QUESTION_MAX];
    while (bare->asking.count > 0) {
        if (zmq_send(bare->echo, question, bare->question_size, 0) < 0)
            load_fail("cannot ask: %s", zmq_strerror(zmq_errno()));
        line_put(&bare->waiting, line_take(&bare->asking));
    }
}

static void take_answers(struct bare *bare)
{
    static char answer[ECHO_REPLY_MAX];
    while (bare->echo && zmq_recv(bare->echo, answer, sizeof answer, ZMQ_DONTWAIT) >= 0)
        MHD_resume_connection(line_take(&bare->waiting));
}

/* Milliseconds until there is something to do; -1: until something comes. The descriptor of a
 * socket tells only once of what has come. */
static int patience(const struct bare *bare)
{
    MHD_UNSIGNED_LONG_LONG timeout;
    int events = 0;
    size_t size = sizeof events;
    if (bare->echo)
        zmq_getsockopt(bare->echo, ZMQ_EVENTS, &events, &size);
    if (events & ZMQ_POLLIN)
        return 0;
    return MHD_get_timeout(bare->daemon, &timeout) == MHD_YES ? (int)timeout : -1;
}

static void open_server(struct bare *bare)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned flags = MHD_USE_EPOLL | (bare->echo ? MHD_ALLOW_SUSPEND_RESUME : 0);
    bare->daemon = MHD_start_daemon(flags, 0, NULL, NULL, serve, bare, MHD_OPTION_SOCK_ADDR,
                                    (const struct sockaddr *)&address, MHD_OPTION_END);
    if (!bare->daemon)
        load_fail("libmicrohttpd does not start");
    fprintf(stderr, "http://127.0.0.1:%u\n",
            (unsigned)MHD_get_daemon_info(bare->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
}

static void connect_echo(struct bare *bare, const struct http_question *question)
{
    size_t size = sizeof bare->echo_fd;
    if (question->size > QUESTION_MAX)
        load_fail("the question is too long");
    bare->question_size = question->size;
    bare->echo = load_connect(zmq_ctx_new(), question->endpoint);
    zmq_getsockopt(bare->echo, ZMQ_FD, &bare->echo_fd, &size);
}

void http_serve(size_t size, const struct http_question *question)
{
    static struct bare bare = {.echo_fd = -1};
    if (size > sizeof bare.body)
        load_fail("the answer is too long");
    bare.size = size;
    memset(bare.body, 'x', size);
    if (question)
        connect_echo(&bare, question);
    open_server(&bare);
    struct pollfd ready[] = {
        {.fd = MHD_get_daemon_info(bare.daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
         .events = POLLIN},
        {.fd = bare.echo_fd, .events = POLLIN}, /* poll() passes over a negative one */
    };
    for (;;) {
        if (poll(ready, 2, patience(&bare)) < 0)
            load_fail("cannot wait");
        take_answers(&bare);
        if (MHD_run(bare.daemon) != MHD_YES)
            load_fail("libmicrohttpd has failed");
        ask(&bare);
    }
}
