/* SPDX-License-Identifier: MPL-2.0 */
/* What an error means over HTTP: the one table from our errors to status codes, and problem details
 * (RFC 9457). Pure. */
#ifndef RENTBUS_HTTP_PROBLEM_H
#define RENTBUS_HTTP_PROBLEM_H

#include <rentbus/rentbus.h>

/* What only the bridge refuses, beside the codes of the protocol (positive) and errno (negative).
 */
enum http_refusal {
    HTTP_REFUSAL_METHOD = 1000, /* the path is there, for other methods */
    HTTP_REFUSAL_MEDIA,         /* a body that says it is something else than JSON */
    HTTP_REFUSAL_GATEWAY,       /* the daemon's answer makes no sense */
};

struct http_problem {
    int error;       /* enum rentbus_error_code, enum http_refusal, or -errno */
    unsigned status; /* of HTTP */
    enum rentbus_error_code code;
    const char *title;
};

extern const struct http_problem http_problems[];
extern const size_t http_problem_count;

/* The row of an error that is not 0; an error without a row is an internal one. */
const struct http_problem *http_problem_find(int error);

/* {type, title, status, detail, code, field?} as JSON, to be given to free(); NULL when out of
 * memory. `fault` may be NULL. */
char *http_problem_json(const struct http_problem *problem, const struct rentbus_fault *fault);

/* Seconds for Retry-After, or 0 for none: what the fault says, rounded up, else 1 where trying
 * again may help. */
unsigned http_problem_retry(const struct http_problem *problem, const struct rentbus_fault *fault);

/* Fills *fault; `field` need not be NUL-terminated and is cut, and made UTF-8, to fit. Returns
 * `error`, which is positive. */
int http_fault_set(struct rentbus_fault *fault, int error, const char *field, size_t field_length,
                   const char *message);

#endif
