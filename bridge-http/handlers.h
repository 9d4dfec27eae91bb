/* SPDX-License-Identifier: MPL-2.0 */
/* What the routes do: a handler makes the arguments of a call from a request, a renderer the answer
 * from its result. See router.h for what they return. */
#ifndef RENTBUS_HTTP_HANDLERS_H
#define RENTBUS_HTTP_HANDLERS_H

#include "bridge-http/request.h"

/* Bytes of JSON that GET /rentals/users/{user_id} gathers at most: tens of thousands of rentals. */
#define HTTP_GATHERED_MAX ((size_t)16 << 20)

http_handler http_read;       /* the query is the arguments */
http_handler http_read_on;    /* the query and what the path names are */
http_handler http_get_only;   /* no arguments */
http_handler http_command;    /* the body is the arguments; a query may say dry_run */
http_handler http_command_on; /* the body and the path's id are */
http_handler http_return_rental;
http_handler http_post_batch;
http_handler http_list_of_user; /* all pages; a query may say of when */
http_handler http_get_events;   /* a page, or a stream */
http_handler http_get_livez;
http_handler http_get_openapi;

http_renderer http_render_result; /* 200 with the result as it is */
http_renderer http_render_thing;  /* 200 with the one thing in the result; a rental has an ETag */
/* 202 with the result, and where to find it again; 200 with that of a dry run */
http_renderer http_render_command;
http_renderer http_render_of_user; /* 200 with an array, or the next page */
/* 200 with a page, and a Link to the next; or a stream, that has waited for the daemon */
http_renderer http_render_events;

#endif
