/* SPDX-License-Identifier: MPL-2.0 */
/* What handlers say: the end of what they complained of, their answers, what they publish. Pure. */
#ifndef CLI_HANDLER_TEXT_H
#define CLI_HANDLER_TEXT_H

#include <rentbus/rentbus.h>

/* What is kept of the standard error of a handler, and of an error as a whole, with its NUL. */
#define HANDLER_TAIL_SIZE 900
#define HANDLER_ERROR_SIZE (RENTBUS_TEXT_MAX + 1)

/* The last bytes of a stream. Zero it first. */
struct handler_tail {
    size_t length;
    char bytes[HANDLER_TAIL_SIZE];
};
void handler_tail_add(struct handler_tail *tail, const char *bytes, size_t length);

/* "what: tail" as UTF-8 without control characters but line ends and tabs; of what does not fit,
 * the end. Returns `out`. */
char *handler_error(const char *what, const struct handler_tail *tail,
                    char out[HANDLER_ERROR_SIZE]);

/* A line of a handler that lives long: "ack SEQ", "retry SEQ [MS]", "fail SEQ TEXT...". */
enum handler_word { HANDLER_ACK, HANDLER_RETRY, HANDLER_FAIL };
struct handler_answer {
    enum handler_word word;
    uint64_t seq;
    int64_t delay_ms;         /* of retry; RENTBUS_DELAY_DEFAULT when it is not said */
    struct rentbus_text text; /* of fail; points into the line */
};
/* False when the line is none of these. */
bool handler_answer_parse(struct rentbus_text line, struct handler_answer *answer);

/* Events that a handler wants published: a line of JSON each, {"type", ?"subject", "data"}. Blank
 * lines say nothing. */
struct handler_publication {
    struct rentbus_new_event events[RENTBUS_PUBLISH_MAX];
    void *storage[RENTBUS_PUBLISH_MAX];
    size_t count;
};
/* 0; an error code with what is wrong in `problem`; or -ENOMEM. Unless 0, nothing has to be
 * released. */
int handler_publication_parse(struct rentbus_text output, struct handler_publication *publication,
                              char problem[HANDLER_ERROR_SIZE]) __attribute__((warn_unused_result));
void handler_publication_release(struct handler_publication *publication);

#endif
