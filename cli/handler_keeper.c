/* SPDX-License-Identifier: MPL-2.0 */
/* Between fork() and the end of the keeper only what is safe in a signal handler is called: the
 * process that forked has threads. */
#include "cli/handler_keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* As shells say it. */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

#define STAT_SIZE 512
#define LISTING_SIZE 4096

int handler_keeper_adopt(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 ? 0 : -errno;
}

/* ---- children ---- */

static pid_t digits(const char *text)
{
    pid_t number = 0;
    while (*text >= '0' && *text <= '9')
        number = number * 10 + (*text++ - '0');
    return number;
}

/* The parent of a process, 0 when it is gone: the second word behind its name, which stands in
 * brackets and may hold anything. */
static pid_t parent_of(int proc, const char *name)
{
    char text[STAT_SIZE];
    int directory = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int file = directory == -1 ? -1 : openat(directory, "stat", O_RDONLY | O_CLOEXEC);
    ssize_t length = file == -1 ? -1 : read(file, text, sizeof(text) - 1);
    if (file != -1)
        close(file);
    if (directory != -1)
        close(directory);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    const char *end = strrchr(text, ')');
    return end && strlen(end) > 4 ? digits(end + 4) : 0;
}

void handler_keeper_sweep(handler_keeper_spare *spare, const void *context)
{
    char listing[LISTING_SIZE] __attribute__((aligned(8)));
    pid_t self = getpid();
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t length;
    while (proc != -1 && (length = getdents64(proc, listing, sizeof(listing))) > 0) {
        for (ssize_t at = 0; at < length;) {
            const struct dirent64 *entry = (const void *)(listing + at);
            pid_t pid = digits(entry->d_name);
            /* A child that nobody has waited for keeps its number. */
            if (pid > 0 && parent_of(proc, entry->d_name) == self &&
                !(spare && spare(context, pid)))
                kill(pid, SIGKILL);
            at += entry->d_reclen;
        }
    }
    if (proc != -1)
        close(proc);
}

/* ---- the keeper ---- */

/* In the child: as if nobody had ever touched a signal. */
static void signals_default(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void complain(const char *path, const char *words)
{
    if (write(STDERR_FILENO, path, strlen(path)) < 0 ||
        write(STDERR_FILENO, words, strlen(words)) < 0)
        _exit(EXIT_NOT_EXECUTABLE);
}

static void __attribute__((noreturn)) program_run(const struct handler_exec *exec, pid_t keeper)
{
    setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != keeper ||
        dup2(exec->input, STDIN_FILENO) == -1 || dup2(exec->output, STDOUT_FILENO) == -1 ||
        dup2(exec->errors, STDERR_FILENO) == -1)
        _exit(EXIT_NOT_EXECUTABLE);
    close_range(3, UINT_MAX, 0);
    signals_default();
    execvpe(exec->path, exec->argv, exec->environment);
    bool missing = errno == ENOENT;
    complain(exec->path, missing ? ": no such program\n" : ": cannot be executed\n");
    _exit(missing ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* Ends as the program did. */
static void __attribute__((noreturn)) keeper_end(int status)
{
    const struct rlimit none = {0, 0};
    sigset_t one;
    if (!WIFSIGNALED(status))
        _exit(WEXITSTATUS(status));
    setrlimit(RLIMIT_CORE, &none);
    signal(WTERMSIG(status), SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, WTERMSIG(status));
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    raise(WTERMSIG(status));
    _exit(128 + WTERMSIG(status));
}

/* Collects what has ended. Whether anything is left; *ended, once the program has. */
static bool keeper_reap(pid_t program, int *status, bool *ended)
{
    int one;
    pid_t pid;
    while ((pid = waitpid(-1, &one, WNOHANG)) > 0) {
        if (pid != program)
            continue;
        *status = one;
        *ended = true;
    }
    return pid == 0;
}

static void forward(pid_t program, int number)
{
    static const struct {
        int got;
        int given;
    } signals[] = {{HANDLER_KEEPER_END, SIGTERM},
                   {HANDLER_KEEPER_HOLD, SIGSTOP},
                   {HANDLER_KEEPER_GO_ON, SIGCONT}};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (signals[i].got == number)
            kill(-program, signals[i].given);
}

/* Waits for the program, and for whatever it leaves, and ends as it did. Of our descriptors there
 * is the eventfd `left` alone. */
static void __attribute__((noreturn)) keeper_watch(const sigset_t *wanted, pid_t program, int left)
{
    const uint64_t one = 1;
    int status = 0;
    bool ended = false;
    bool stopping = false;
    bool told = false;
    for (;;) {
        siginfo_t about;
        int number = sigwaitinfo(wanted, &about);
        if (number == SIGTERM)
            stopping = true;
        if (stopping && !ended)
            kill(-program, SIGKILL);
        else if (!ended)
            forward(program, number);
        if (!keeper_reap(program, &status, &ended))
            keeper_end(status);
        if (ended && !stopping && !told)
            told = write(left, &one, sizeof(one)) == (ssize_t)sizeof(one);
        if (stopping || ended)
            handler_keeper_sweep(NULL, NULL);
    }
}

static void __attribute__((noreturn)) keeper_run(const struct handler_exec *exec, pid_t host)
{
    sigset_t wanted;
    setpgid(0, 0);
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, HANDLER_KEEPER_END);
    sigaddset(&wanted, HANDLER_KEEPER_HOLD);
    sigaddset(&wanted, HANDLER_KEEPER_GO_ON);
    sigprocmask(SIG_SETMASK, &wanted, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != host ||
        prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        _exit(EXIT_NOT_EXECUTABLE);
    pid_t keeper = getpid();
    pid_t program = fork();
    if (program == 0)
        program_run(exec, keeper);
    /* The program does so, too: whoever is first. */
    setpgid(program, program);
    if (program < 0 || dup2(exec->left, 0) != 0)
        _exit(EXIT_NOT_EXECUTABLE);
    close_range(1, UINT_MAX, 0);
    keeper_watch(&wanted, program, 0);
}

pid_t handler_keeper_start(const struct handler_exec *exec)
{
    pid_t host = getpid();
    sigset_t all;
    sigset_t before;
    /* What it is told before it listens waits for it. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        keeper_run(exec, host);
    int error = pid > 0 ? 0 : -errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return error ? error : pid;
}
