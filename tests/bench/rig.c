/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/rig.h"

#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/load.h"

static pid_t spawn(const char *const arguments[])
{
    pid_t pid;
    if (posix_spawnp(&pid, arguments[0], NULL, NULL, (char *const *)(uintptr_t)arguments, environ))
        load_fail("cannot start %s", arguments[0]);
    return pid;
}

void rig_start(struct rig *rig, const char *program)
{
    char data[48];
    snprintf(rig->directory, sizeof rig->directory, "/tmp/rentbus-bench-XXXXXX");
    if (!mkdtemp(rig->directory))
        load_fail("cannot make %s", rig->directory);
    snprintf(rig->api, sizeof rig->api, "ipc://%s/api.sock", rig->directory);
    snprintf(rig->events, sizeof rig->events, "ipc://%s/events.sock", rig->directory);
    snprintf(rig->bare, sizeof rig->bare, "ipc://%s/bare.sock", rig->directory);
    snprintf(data, sizeof data, "%s/data", rig->directory);
    const char *arguments[] = {program,  "--data",   data,        "--api",
                               rig->api, "--events", rig->events, NULL};
    rig->pid = spawn(arguments);
}

void rig_stop(struct rig *rig)
{
    const char *arguments[] = {"rm", "-rf", rig->directory, NULL};
    kill(rig->pid, SIGTERM);
    waitpid(rig->pid, NULL, 0);
    waitpid(spawn(arguments), NULL, 0);
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
