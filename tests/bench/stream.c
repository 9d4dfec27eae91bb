/* SPDX-License-Identifier: MPL-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <rentbus/rentbus.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bus.h"
#include "tests/bench/load.h"

#define NAME "stream"
#define LINE_MAX_SIZE 2048
#define PAUSE_MS 5
#define WAIT_SECONDS 60.0

static const char self[] = "/proc/self/exe";

int stream_handle(void)
{
    static const char key[] = "\"seq\":";
    static char line[LINE_MAX_SIZE];
    while (fgets(line, sizeof line, stdin)) {
        const char *seq = strstr(line, key);
        if (!seq)
            return 1;
        printf("ack %" PRIu64 "\n", (uint64_t)strtoull(seq + strlen(key), NULL, 10));
        fflush(stdout);
    }
    return 0;
}

/* ---- rentbus lambda run --stream ---- */

static pid_t start_lambda(const struct rig *rig, const char *program)
{
    char own[512];
    ssize_t length = readlink(self, own, sizeof own - 1);
    if (length < 0)
        load_fail("cannot read %s", self);
    own[length] = '\0';
    const char *arguments[] = {program,    "--api", rig->api, "lambda",    "run",
                               NAME,       "--on",  BUS_TYPE, "--from",    "first",
                               "--stream", "--",    own,      "--handler", NULL};
    return rig_spawn(arguments, NULL);
}

static uint64_t acked(struct rentbus_client *client)
{
    struct rentbus_consumer_result result;
    struct rentbus_consumer_get_args args = {0};
    RENTBUS_SET(&args, consumer_get_args, id, rentbus_text(NAME));
    int status = rentbus_consumer_get(client, NULL, &args, &result);
    if (status == RENTBUS_ERROR_NOT_FOUND)
        return 0;
    if (status)
        load_fail("cannot ask for the consumer");
    return result.consumer.acked;
}

/* Waits until so many are done; how many are. */
static uint64_t wait_for(struct rentbus_client *client, uint64_t count)
{
    struct pollfd quiet = {.fd = rentbus_client_fd(client), .events = POLLIN};
    double until = load_clock() + WAIT_SECONDS;
    uint64_t done;
    while ((done = acked(client)) < count) {
        if (load_clock() > until)
            load_fail("the handler has done %" PRIu64 " events", done);
        poll(&quiet, 1, PAUSE_MS);
    }
    return done;
}

static double measure_lambda(const struct rig *rig, const char *program, size_t count)
{
    struct rentbus_client *client;
    struct rentbus_options options = {.api = rig->api};
    if (rentbus_client_open(&options, &client))
        load_fail("cannot open a client");
    pid_t pid = start_lambda(rig, program);
    uint64_t first = wait_for(client, 1);
    double since = load_clock();
    uint64_t last = wait_for(client, count);
    double seconds = load_clock() - since;
    rig_end(pid, SIGTERM);
    rentbus_client_close(&client);
    return (double)(last - first) / seconds;
}

/* ---- the same handler behind bare pipes ---- */

struct pipes {
    FILE *to;
    FILE *from;
    size_t count;
};

/* As long as the event that the handler gets. */
static void write_line(FILE *to, size_t number)
{
    fprintf(
        to,
        "{\"id\":\"main-%zu\",\"seq\":%zu,\"data\":{\"number\":%zu,\"user_id\":\"subject-0000\"},"
        "\"hash\":\"%043d=\",\"time\":\"2025-02-10T11:00:00.000000Z\",\"type\":\"" BUS_TYPE
        "\",\"actor\":\"uid:1000\",\"source\":\"/rentbus/main\","
        "\"command\":\"0194f000-0000-7000-8000-000000000000\",\"subject\":\"subject-0000\","
        "\"specversion\":\"1.0\"}\n",
        number, number, number, 0);
}

static void *read_answers(void *argument)
{
    char line[64];
    struct pipes *pipes = argument;
    for (size_t i = 0; i < pipes->count; i++)
        if (!fgets(line, sizeof line, pipes->from))
            load_fail("the handler has ended");
    return NULL;
}

static pid_t start_handler(struct pipes *pipes)
{
    int in[2];
    int out[2];
    posix_spawn_file_actions_t actions;
    const char *arguments[] = {self, "--handler", NULL};
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        load_fail("cannot make a pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    pid_t pid = rig_spawn(arguments, &actions);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    pipes->to = fdopen(in[1], "w");
    pipes->from = fdopen(out[0], "r");
    return pid;
}

static double measure_bare(size_t count)
{
    struct pipes pipes = {.count = count};
    pthread_t reader;
    pid_t pid = start_handler(&pipes);
    double since = load_clock();
    pthread_create(&reader, NULL, read_answers, &pipes);
    for (size_t i = 0; i < count; i++)
        write_line(pipes.to, i);
    fclose(pipes.to);
    pthread_join(reader, NULL);
    double seconds = load_clock() - since;
    fclose(pipes.from);
    rig_end(pid, 0);
    return (double)count / seconds;
}

struct stream_figures stream_measure(const struct rig *rig, const char *program, size_t count)
{
    struct stream_figures figures;
    figures.lambda = measure_lambda(rig, program, count);
    figures.bare = measure_bare(count);
    return figures;
}
