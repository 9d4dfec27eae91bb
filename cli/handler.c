/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/handler.h"

#include "cli/handler_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_SIZE 65536
/* Reads at one go of a handler that never stops printing. */
#define READS_MAX 16

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A pipe of which our end does not block. */
static int pipe_open(int *ours, int *theirs)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *ours = ends[0];
    *theirs = ends[1];
    return 0;
}

int handler_start(struct handler *handler, const char *path, char *const *argv,
                  char *const *environment, int input)
{
    struct handler_exec exec = {path, argv, environment, input, -1, -1, -1};
    pid_t pid = 0;
    handler->output = -1;
    handler->errors = -1;
    int error = pipe_open(&handler->output, &exec.output);
    if (error == 0)
        error = pipe_open(&handler->errors, &exec.errors);
    handler->left = error ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    exec.left = handler->left;
    if (error == 0 && handler->left == -1)
        error = -errno;
    if (error == 0)
        pid = handler_keeper_start(&exec);
    close_fd(&exec.output);
    close_fd(&exec.errors);
    handler->text_length = 0;
    handler->error_count = 0;
    handler->tail.length = 0;
    handler->stopped = NULL;
    handler->left_some = false;
    if (error == 0 && pid > 0) {
        handler->pid = pid;
        return 0;
    }
    close_fd(&handler->output);
    close_fd(&handler->errors);
    close_fd(&handler->left);
    return error ? error : (int)pid;
}

void handler_stop(struct handler *handler, const char *why)
{
    if (!handler->stopped)
        handler->stopped = why;
    if (handler->pid > 0)
        kill(handler->pid, SIGTERM);
}

void handler_tell(const struct handler *handler, int what)
{
    if (handler->pid > 0)
        kill(handler->pid, what);
}

/* Makes room for `more` bytes. */
static bool text_reserve(struct handler *handler, size_t more)
{
    size_t wanted = handler->text_length + more;
    if (wanted <= handler->text_capacity)
        return true;
    size_t capacity = handler->text_capacity ? handler->text_capacity : READ_SIZE;
    while (capacity < wanted)
        capacity *= 2;
    char *text = realloc(handler->text, capacity);
    if (!text)
        return false;
    handler->text = text;
    handler->text_capacity = capacity;
    return true;
}

static void output_take(struct handler *handler, const char *bytes, size_t length)
{
    if (handler->output_max && handler->text_length + length > handler->output_max) {
        handler_stop(handler, "printed more than it may");
        return;
    }
    if (!text_reserve(handler, length)) {
        handler_stop(handler, "there is no memory for what it prints");
        return;
    }
    memcpy(handler->text + handler->text_length, bytes, length);
    handler->text_length += length;
}

static void errors_take(struct handler *handler, const char *bytes, size_t length)
{
    handler->error_count += length;
    handler_tail_add(&handler->tail, bytes, length);
    if (handler->output_max && handler->error_count > handler->output_max)
        handler_stop(handler, "printed more errors than it may");
    else if (handler->forward)
        fwrite(bytes, 1, length, stderr);
}

static bool pipe_read(struct handler *handler, int fd,
                      void (*take)(struct handler *handler, const char *bytes, size_t length))
{
    char bytes[READ_SIZE];
    for (int i = 0; i < READS_MAX && fd >= 0; i++) {
        ssize_t length = read(fd, bytes, sizeof(bytes));
        if (length > 0)
            take(handler, bytes, (size_t)length);
        else
            return length < 0 && (errno == EAGAIN || errno == EINTR);
    }
    return fd >= 0;
}

bool handler_read_output(struct handler *handler)
{
    return pipe_read(handler, handler->output, output_take);
}

bool handler_read_errors(struct handler *handler)
{
    return pipe_read(handler, handler->errors, errors_take);
}

void handler_take_lines(struct handler *handler, handler_line *take, void *owner)
{
    size_t taken = 0;
    const char *end;
    while (!handler->stopped && taken < handler->text_length &&
           (end = memchr(handler->text + taken, '\n', handler->text_length - taken))) {
        size_t length = (size_t)(end - handler->text) - taken;
        take(owner, (struct rentbus_text){handler->text + taken, length});
        taken += length + 1;
    }
    handler->text_length -= taken;
    if (taken > 0)
        memmove(handler->text, handler->text + taken, handler->text_length);
    if (handler->text_length > HANDLER_LINE_MAX)
        handler_stop(handler, "its answer is too long a line");
}

static const char *ending_text(const struct handler *handler, int status, char *out, size_t size)
{
    if (handler->stopped)
        return handler->stopped;
    if (WIFSIGNALED(status))
        snprintf(out, size, "killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
    else
        snprintf(out, size, "exit %d", WEXITSTATUS(status));
    return out;
}

enum handler_outcome handler_finish(struct handler *handler, int status,
                                    char error[HANDLER_ERROR_SIZE])
{
    char words[64];
    handler->pid = 0;
    handler_read_output(handler);
    handler_read_errors(handler);
    close_fd(&handler->output);
    close_fd(&handler->errors);
    uint64_t told = 0;
    handler->left_some = read(handler->left, &told, sizeof(told)) == (ssize_t)sizeof(told);
    close_fd(&handler->left);
    error[0] = '\0';
    if (!handler->stopped && WIFEXITED(status) && WEXITSTATUS(status) == HANDLER_EXIT_DONE)
        return HANDLER_DONE;
    handler_error(ending_text(handler, status, words, sizeof(words)), &handler->tail, error);
    return !handler->stopped && WIFEXITED(status) && WEXITSTATUS(status) == HANDLER_EXIT_LATER
               ? HANDLER_LATER
               : HANDLER_FAILED;
}

void handler_release(struct handler *handler)
{
    close_fd(&handler->output);
    close_fd(&handler->errors);
    close_fd(&handler->left);
    free(handler->text);
    *handler = HANDLER_NONE;
}

static bool overridden(const char *variable, char *const *variables, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strcspn(variables[i], "=") + 1;
        if (strncmp(variable, variables[i], length) == 0)
            return true;
    }
    return strncmp(variable, "RENTBUS_EVENT_", 14) == 0;
}

char **handler_environment(char *const *variables, size_t count)
{
    size_t inherited = 0;
    size_t used = 0;
    while (environ && environ[inherited])
        inherited++;
    char **block = calloc(inherited + count + 1, sizeof(*block));
    if (!block)
        return NULL;
    for (size_t i = 0; i < inherited; i++)
        if (!overridden(environ[i], variables, count))
            block[used++] = environ[i];
    for (size_t i = 0; i < count; i++)
        block[used++] = variables[i];
    return block;
}
