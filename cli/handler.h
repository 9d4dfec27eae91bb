/* SPDX-License-Identifier: MPL-2.0 */
/* One process that handles events: its pipes, what it prints, how it ends. One thread. */
#ifndef CLI_HANDLER_H
#define CLI_HANDLER_H

#include "cli/handler_text.h"

#include <sys/types.h>

/* Exit codes: done; not now. */
#define HANDLER_EXIT_DONE 0
#define HANDLER_EXIT_LATER 75

struct handler {
    pid_t pid; /* of its keeper; 0: it does not run */
    int output;
    int errors;
    int left;            /* the keeper's eventfd */
    bool forward;        /* what it says on standard error goes to ours, too */
    uint64_t output_max; /* bytes; 0: no limit */
    uint64_t error_count;
    char *text; /* what it printed, text_length bytes */
    size_t text_length;
    size_t text_capacity;
    struct handler_tail tail;
    const char *stopped; /* why we killed it; NULL: we did not */
    bool left_some;      /* it ended of itself, and left processes, which were killed */
};
#define HANDLER_NONE                                                                               \
    (struct handler)                                                                               \
    {                                                                                              \
        .output = -1, .errors = -1, .left = -1                                                     \
    }

/* Starts it with the descriptor `input`, which stays the caller's, as its standard input. 0, or a
 * negative errno. The pipes do not block. */
int handler_start(struct handler *handler, const char *path, char *const *argv,
                  char *const *environment, int input) __attribute__((warn_unused_result));
/* Reads what is there of the output, into `text`, or of the errors. False when there will be no
 * more. What is too much stops the handler. */
bool handler_read_output(struct handler *handler);
bool handler_read_errors(struct handler *handler);
/* Gives each whole line of what was read of the output to `take`, and keeps what comes behind the
 * last one. A line beyond HANDLER_LINE_MAX bytes stops the handler; of one that is stopped nothing
 * more is taken. */
#define HANDLER_LINE_MAX 8192
typedef void handler_line(void *owner, struct rentbus_text line);
void handler_take_lines(struct handler *handler, handler_line *take, void *owner);
/* Kills it and all that it started; `why` is a string that stays. Its end is still to come. */
void handler_stop(struct handler *handler, const char *why);
/* Tells the process group of the program something: HANDLER_KEEPER_END, _HOLD or _GO_ON. */
void handler_tell(const struct handler *handler, int what);

enum handler_outcome { HANDLER_DONE, HANDLER_LATER, HANDLER_FAILED };
/* It has ended with `status`, as waitpid() says it: reads the rest of its pipes and closes them.
 * `error` says what went wrong, "" when it is done. `text` stays until handler_release(). */
enum handler_outcome handler_finish(struct handler *handler, int status,
                                    char error[HANDLER_ERROR_SIZE]);
/* Closes and frees what is left. It must not run any more. */
void handler_release(struct handler *handler);

/* The environment of this process and, in place of what it says of them, `variables` ("NAME=value",
 * `count` of them), which are borrowed. One block, to be given to free(); NULL when out of memory.
 */
char **handler_environment(char *const *variables, size_t count)
    __attribute__((warn_unused_result));

#endif
