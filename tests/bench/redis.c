/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/redis.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sdk/protocol/buffer.h"
#include "tests/bench/load.h"
#include "tests/bench/rig.h"

#define WAIT_SECONDS 20.0
#define ANSWER_MAX 65536

static const size_t pipelines[REDIS_PIPELINES] = {64, 256, 1024};

static const char functions[] =
    "#!lua name=desk\n"
    "redis.register_function('prepare', function(keys, args)\n"
    "  for i = 0, tonumber(args[1]) - 1 do\n"
    "    redis.call('HSET', 'rental:' .. i, 'user', 'user-' .. i % 1000,\n"
    "               'asset', 'asset-' .. i, 'status', 'IN_PROGRESS')\n"
    "  end\n"
    "  return 1\n"
    "end)\n"
    "redis.register_function('give_back', function(keys, args)\n"
    "  local rental = redis.call('HMGET', keys[1], 'status', 'user')\n"
    "  if rental[1] ~= 'IN_PROGRESS' or rental[2] ~= args[1] then return 0 end\n"
    "  redis.call('HSET', keys[1], 'status', 'COMPLETED', 'location', args[2],\n"
    "             'returned_at', args[3])\n"
    "  redis.call('HINCRBY', args[1], 'returns', 1)\n"
    "  return 1\n"
    "end)\n";

static bool try_connect(struct redis *redis, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    redis->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (redis->fd < 0)
        load_fail("no socket");
    if (connect(redis->fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return true;
    close(redis->fd);
    return false;
}

static void append_command(struct rentbus_buffer *out, const char *const words[], size_t count)
{
    char head[32];
    rentbus_buffer_append(out, head, (size_t)snprintf(head, sizeof head, "*%zu\r\n", count));
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(words[i]);
        rentbus_buffer_append(out, head, (size_t)snprintf(head, sizeof head, "$%zu\r\n", length));
        rentbus_buffer_append(out, words[i], length);
        rentbus_buffer_append(out, "\r\n", 2);
    }
}

static void send_all(const struct redis *redis, const struct rentbus_buffer *out)
{
    for (size_t sent = 0; sent < out->length;) {
        ssize_t got = send(redis->fd, out->data + sent, out->length - sent, MSG_NOSIGNAL);
        if (got <= 0)
            load_fail("Redis does not listen");
        sent += (size_t)got;
    }
}

/* So many answers, each of which must be the number 1. */
static void receive_ones(const struct redis *redis, size_t count)
{
    static char answer[ANSWER_MAX];
    const size_t size = 4 * count;
    for (size_t length = 0; length < size;) {
        ssize_t got = recv(redis->fd, answer + length, size - length, 0);
        if (got <= 0)
            load_fail("Redis does not answer");
        length += (size_t)got;
    }
    for (size_t i = 0; i < size; i += 4)
        if (memcmp(answer + i, ":1\r\n", 4) != 0)
            load_fail("Redis refuses: %.60s", answer + i);
}

static void prepare(struct redis *redis, size_t rentals)
{
    struct rentbus_buffer out = {0};
    char count[24];
    char answer[64] = "";
    static const char loaded[] = "$4\r\ndesk\r\n";
    snprintf(count, sizeof count, "%zu", rentals);
    append_command(&out, (const char *[]){"FUNCTION", "LOAD", functions}, 3);
    send_all(redis, &out);
    if (recv(redis->fd, answer, strlen(loaded), MSG_WAITALL) < 0 || strcmp(answer, loaded) != 0)
        load_fail("Redis does not take the function: %s", answer);
    rentbus_buffer_clear(&out);
    append_command(&out, (const char *[]){"FCALL", "prepare", "0", count}, 4);
    send_all(redis, &out);
    receive_ones(redis, 1);
    rentbus_buffer_release(&out);
}

_Bool redis_open(struct redis *redis, size_t rentals)
{
    char program[RIG_PATH_SIZE];
    char path[48];
    if (!rig_find("redis-server", "/usr/local/bin", program))
        return false;
    *redis = (struct redis){.directory = "/tmp/rentbus-bench-XXXXXX"};
    if (!mkdtemp(redis->directory))
        load_fail("cannot make %s", redis->directory);
    snprintf(path, sizeof path, "%s/redis.sock", redis->directory);
    const char *arguments[] = {
        program,          "--port",     "0",       "--unixsocket", path,        "--dir",
        redis->directory, "--save",     "",        "--appendonly", "yes",       "--appendfsync",
        "always",         "--loglevel", "warning", "--logfile",    "redis.log", NULL};
    redis->pid = rig_spawn(arguments, NULL);
    double until = load_clock() + WAIT_SECONDS;
    while (!try_connect(redis, path)) {
        if (load_clock() > until)
            load_fail("Redis does not start");
        rig_pause(redis->pid);
    }
    prepare(redis, rentals);
    return true;
}

void redis_close(struct redis *redis)
{
    close(redis->fd);
    rig_end(redis->pid, SIGTERM);
    rig_remove(redis->directory);
}

static void append_return(struct rentbus_buffer *out, size_t number)
{
    char rental[32];
    char user[32];
    snprintf(rental, sizeof rental, "rental:%zu", number);
    snprintf(user, sizeof user, "user-%zu", number % 1000);
    append_command(
        out,
        (const char *[]){"FCALL", "give_back", "1", rental, user, "bin-1", "2025-02-10T11:00:00Z"},
        7);
}

static double measure(struct redis *redis, size_t count, size_t pipeline)
{
    struct rentbus_buffer out = {0};
    size_t rounds = count / pipeline;
    double seconds = 0;
    for (size_t round = 0; round < rounds; round++) {
        rentbus_buffer_clear(&out);
        for (size_t i = 0; i < pipeline; i++)
            append_return(&out, redis->next++);
        double start = load_clock();
        send_all(redis, &out);
        receive_ones(redis, pipeline);
        seconds += load_clock() - start;
    }
    rentbus_buffer_release(&out);
    return (double)(rounds * pipeline) / seconds;
}

double redis_measure(struct redis *redis, size_t count)
{
    double best = 0;
    for (size_t i = 0; i < REDIS_PIPELINES; i++) {
        double figure = measure(redis, count, pipelines[i]);
        best = figure > best ? figure : best;
    }
    return best;
}
