/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/rig.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/load.h"

#define CHILDREN_MAX 8
#define PAUSE_MS 10
#define LOG_MAX 4096
#define URL "http://127.0.0.1:"

static pid_t children[CHILDREN_MAX];

static void kill_children(void)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++)
        if (children[i] > 0)
            kill(children[i], SIGKILL);
}

static pid_t *child_find(pid_t pid)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++)
        if (children[i] == pid)
            return &children[i];
    load_fail("there is no room for a process");
}

pid_t rig_spawn(const char *const arguments[], const posix_spawn_file_actions_t *actions)
{
    static bool watching;
    pid_t *child = child_find(0);
    if (!watching)
        atexit(kill_children);
    watching = true;
    if (posix_spawnp(child, arguments[0], actions, NULL, (char *const *)(uintptr_t)arguments,
                     environ))
        load_fail("cannot start %s", arguments[0]);
    return *child;
}

int rig_end(pid_t pid, int signal)
{
    int status = 0;
    if (signal)
        kill(pid, signal);
    waitpid(pid, &status, 0);
    *child_find(pid) = 0;
    return status;
}

void rig_pause(pid_t pid)
{
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    if (end.fd < 0 || poll(&end, 1, PAUSE_MS) != 0)
        load_fail("process %d has ended", (int)pid);
    close(end.fd);
}

pid_t rig_listen(const char *const arguments[], struct sockaddr_in *address)
{
    static char text[LOG_MAX];
    int log[2];
    size_t length = 0;
    char *url = NULL;
    posix_spawn_file_actions_t actions;
    if (pipe2(log, O_CLOEXEC))
        load_fail("cannot make a pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, log[1], STDERR_FILENO);
    pid_t pid = rig_spawn(arguments, &actions);
    posix_spawn_file_actions_destroy(&actions);
    close(log[1]);
    while (!url || !strchr(url, '\n')) {
        ssize_t got = read(log[0], text + length, sizeof text - 1 - length);
        if (got <= 0)
            load_fail("%s does not say where it listens: %s", arguments[0], text);
        length += (size_t)got;
        text[length] = '\0';
        url = strstr(text, URL);
    }
    *address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(url + strlen(URL), NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    return pid;
}

pid_t rig_bridge(const struct rig *rig, const char *program, struct sockaddr_in *address)
{
    const char *arguments[] = {program,  "--listen", "127.0.0.1:0", "--api",
                               rig->api, "--events", rig->events,   NULL};
    return rig_listen(arguments, address);
}

bool rig_find(const char *name, const char *folder, char path[RIG_PATH_SIZE])
{
    const char *folders = getenv("PATH");
    while (folders && *folders) {
        size_t length = strcspn(folders, ":");
        snprintf(path, RIG_PATH_SIZE, "%.*s/%s", (int)length, folders, name);
        if (access(path, X_OK) == 0)
            return true;
        folders += length + (folders[length] == ':');
    }
    snprintf(path, RIG_PATH_SIZE, "%s/%s", folder, name);
    return access(path, X_OK) == 0;
}

void rig_run(struct rig *rig, const char *program)
{
    char data[48];
    snprintf(data, sizeof data, "%s/data", rig->directory);
    const char *arguments[] = {program,  "--data",   data,        "--api",
                               rig->api, "--events", rig->events, NULL};
    rig->pid = rig_spawn(arguments, NULL);
}

void rig_start(struct rig *rig, const char *program)
{
    snprintf(rig->directory, sizeof rig->directory, "/tmp/rentbus-bench-XXXXXX");
    if (!mkdtemp(rig->directory))
        load_fail("cannot make %s", rig->directory);
    snprintf(rig->api, sizeof rig->api, "ipc://%s/api.sock", rig->directory);
    snprintf(rig->events, sizeof rig->events, "ipc://%s/events.sock", rig->directory);
    snprintf(rig->bare, sizeof rig->bare, "ipc://%s/bare.sock", rig->directory);
    snprintf(rig->ledger, sizeof rig->ledger, "ipc://%s/ledger.sock", rig->directory);
    rig_run(rig, program);
}

void rig_remove(const char *directory)
{
    const char *arguments[] = {"rm", "-rf", directory, NULL};
    rig_end(rig_spawn(arguments, NULL), 0);
}

void rig_stop(struct rig *rig)
{
    rig_end(rig->pid, SIGTERM);
    rig_remove(rig->directory);
}

double rig_cpu(const struct rig *rig)
{
    clockid_t clock;
    struct timespec spent;
    if (clock_getcpuclockid(rig->pid, &clock) || clock_gettime(clock, &spent))
        load_fail("the daemon has ended");
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

double rig_memory(const struct rig *rig)
{
    char path[48];
    char line[128] = "";
    snprintf(path, sizeof path, "/proc/%d/statm", (int)rig->pid);
    FILE *file = fopen(path, "re");
    char *pages = file && fgets(line, sizeof line, file) ? strchr(line, ' ') : NULL;
    if (!pages)
        load_fail("cannot read %s", path);
    fclose(file);
    return strtod(pages, NULL) * (double)sysconf(_SC_PAGESIZE);
}
