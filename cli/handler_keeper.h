/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The process between us and a handler. It is the reaper of everything that the handler starts,
 * sessions of their own or not, and leaves nothing of it behind: not when the handler ends, not
 * when SIGTERM tells it to stop, and not when we are gone.
 */
#ifndef CLI_HANDLER_KEEPER_H
#define CLI_HANDLER_KEEPER_H

#include <signal.h>
#include <sys/types.h>

struct handler_exec {
    const char *path;
    char *const *argv;
    char *const *environment;
    int input; /* what its streams are to be; none of them below 3 */
    int output;
    int errors;
    /* An eventfd that the keeper writes to when the program has ended of itself and left something
     * running. */
    int left;
};

/* Starts the keeper and behind it the program. The keeper ends as the program did: with its exit
 * code, or by its signal. Its pid, or a negative errno. */
pid_t handler_keeper_start(const struct handler_exec *exec) __attribute__((warn_unused_result));

/* Signals to a keeper, besides SIGTERM, that the process group of its program gets in its place: to
 * end (SIGTERM), to stand still (SIGSTOP), and to go on (SIGCONT). */
#define HANDLER_KEEPER_END SIGUSR1
#define HANDLER_KEEPER_HOLD SIGUSR2
#define HANDLER_KEEPER_GO_ON SIGCONT

/* Makes us the parent of what a keeper leaves that was itself killed. */
int handler_keeper_adopt(void) __attribute__((warn_unused_result));

/* Kills each child of this process that `spare` does not name; NULL: each. */
typedef int handler_keeper_spare(const void *context, pid_t pid);
void handler_keeper_sweep(handler_keeper_spare *spare, const void *context);

#endif
