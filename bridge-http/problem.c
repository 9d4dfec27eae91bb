/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/problem.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#define PROBLEM_TYPE "urn:rentbus:error:"

const struct http_problem http_problems[] = {
    {RENTBUS_ERROR_MALFORMED, 400, RENTBUS_ERROR_MALFORMED, "Malformed request"},
    {RENTBUS_ERROR_INVALID_ARGUMENT, 400, RENTBUS_ERROR_INVALID_ARGUMENT, "Invalid argument"},
    {RENTBUS_ERROR_UNSUPPORTED_VERSION, 502, RENTBUS_ERROR_UNSUPPORTED_VERSION,
     "The daemon speaks another version"},
    {RENTBUS_ERROR_UNKNOWN_OP, 501, RENTBUS_ERROR_UNKNOWN_OP, "The daemon cannot do this"},
    {RENTBUS_ERROR_NOT_FOUND, 404, RENTBUS_ERROR_NOT_FOUND, "Not found"},
    {RENTBUS_ERROR_CONFLICT, 409, RENTBUS_ERROR_CONFLICT, "Conflict"},
    {RENTBUS_ERROR_PRECONDITION_FAILED, 412, RENTBUS_ERROR_PRECONDITION_FAILED,
     "Precondition failed"},
    {RENTBUS_ERROR_UNAUTHENTICATED, 401, RENTBUS_ERROR_UNAUTHENTICATED, "Not authenticated"},
    {RENTBUS_ERROR_PERMISSION_DENIED, 403, RENTBUS_ERROR_PERMISSION_DENIED, "Permission denied"},
    {RENTBUS_ERROR_TOO_LARGE, 413, RENTBUS_ERROR_TOO_LARGE, "Too large"},
    {RENTBUS_ERROR_BUSY, 503, RENTBUS_ERROR_BUSY, "Busy"},
    {RENTBUS_ERROR_UNAVAILABLE, 503, RENTBUS_ERROR_UNAVAILABLE, "Unavailable"},
    {RENTBUS_ERROR_INTERNAL, 500, RENTBUS_ERROR_INTERNAL, "Internal error"},
    {RENTBUS_ERROR_TRIMMED, 410, RENTBUS_ERROR_TRIMMED, "No longer kept"},
    {HTTP_REFUSAL_METHOD, 405, RENTBUS_ERROR_UNKNOWN_OP, "Method not allowed"},
    {HTTP_REFUSAL_MEDIA, 415, RENTBUS_ERROR_INVALID_ARGUMENT, "Unsupported media type"},
    {HTTP_REFUSAL_GATEWAY, 502, RENTBUS_ERROR_INTERNAL, "The daemon's answer makes no sense"},
    {-EBADMSG, 502, RENTBUS_ERROR_INTERNAL, "The daemon's answer makes no sense"},
    {-ETIMEDOUT, 504, RENTBUS_ERROR_UNAVAILABLE, "The daemon did not answer in time"},
    {-ECANCELED, 503, RENTBUS_ERROR_UNAVAILABLE, "The bridge is stopping"},
    {-EALREADY, 409, RENTBUS_ERROR_CONFLICT, "The command of this id is in flight"},
    {-EAGAIN, 503, RENTBUS_ERROR_BUSY, "Too many requests in flight"},
    {-ENOMEM, 503, RENTBUS_ERROR_BUSY, "Out of memory"},
    {-EINVAL, 500, RENTBUS_ERROR_INTERNAL, "Internal error"},
    {-EFBIG, 413, RENTBUS_ERROR_TOO_LARGE, "Too large"},
};
const size_t http_problem_count = sizeof(http_problems) / sizeof(http_problems[0]);

static const struct http_problem problem_unknown = {0, 500, RENTBUS_ERROR_INTERNAL,
                                                    "Internal error"};

const struct http_problem *http_problem_find(int error)
{
    for (size_t i = 0; i < http_problem_count; i++)
        if (http_problems[i].error == error)
            return &http_problems[i];
    return &problem_unknown;
}

char *http_problem_json(const struct http_problem *problem, const struct rentbus_fault *fault)
{
    const char *code = rentbus_word_text(&rentbus_error_code_words, (int)problem->code);
    const char *detail = fault && fault->message[0] ? fault->message : problem->title;
    char type[64];
    snprintf(type, sizeof(type), PROBLEM_TYPE "%s", code);
    json_t *object = json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", type, "title", problem->title,
                               "status", (int)problem->status, "detail", detail, "code", code);
    char *text = NULL;
    if (object && (!fault || !fault->field[0] ||
                   json_object_set_new(object, "field", json_string(fault->field)) == 0))
        text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

unsigned http_problem_retry(const struct http_problem *problem, const struct rentbus_fault *fault)
{
    if (fault && fault->retry_after_ms)
        return fault->retry_after_ms / 1000 + (fault->retry_after_ms % 1000 != 0);
    return problem->status == 503 || problem->status == 504 ? 1 : 0;
}

int http_fault_set(struct rentbus_fault *fault, int error, const char *field, size_t field_length,
                   const char *message)
{
    *fault = (struct rentbus_fault){
        .code = error < HTTP_REFUSAL_METHOD ? (enum rentbus_error_code)error : RENTBUS_ERROR_NONE};
    size_t length = field_length < sizeof(fault->field) ? field_length : sizeof(fault->field) - 1;
    while (!rentbus_utf8_valid(field, length))
        length--;
    snprintf(fault->field, sizeof(fault->field), "%.*s", (int)length, field);
    snprintf(fault->message, sizeof(fault->message), "%s", message);
    return error;
}
