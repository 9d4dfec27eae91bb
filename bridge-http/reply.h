/* SPDX-License-Identifier: MPL-2.0 */
/* Answers to a request. Each sets request->response and request->status; out of memory leaves the
 * response NULL, and the connection is closed. */
#ifndef RENTBUS_HTTP_REPLY_H
#define RENTBUS_HTTP_REPLY_H

#include "bridge-http/request.h"

/* Takes over `data`, which `release` frees; NULL data means that there was no memory for it. */
void http_reply_bytes(struct http_request *request, unsigned status, const char *type, void *data,
                      size_t length, MHD_ContentReaderFreeCallback release);
/* Bytes that live as long as the program. */
void http_reply_static(struct http_request *request, unsigned status, const char *type,
                       const char *data, size_t length);
/* A struct of schema.h, as JSON, or as CBOR where the client prefers it. 0 or -ENOMEM. */
int http_reply_struct(struct http_request *request, unsigned status,
                      const struct rentbus_schema *schema, const void *value)
    __attribute__((warn_unused_result));
/* The problem that an error of http_problem_find() means; `fault` counts for positive ones only. */
void http_reply_problem(struct http_request *request, int error, const struct rentbus_fault *fault);
/* A header of the answer, if there is one. */
void http_reply_header(struct http_request *request, const char *name, const char *value);

#endif
