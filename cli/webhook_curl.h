/* SPDX-License-Identifier: MPL-2.0 */
/* libcurl, loaded when it is first asked for: with all that it needs it makes the start of a
 * program more than twice as long, and commands that send no webhook have no use for it. */
#ifndef CLI_WEBHOOK_CURL_H
#define CLI_WEBHOOK_CURL_H

#include <curl/curl.h>

#define WEBHOOK_CURL_FUNCTIONS(F)                                                                  \
    F(easy_cleanup)                                                                                \
    F(easy_getinfo)                                                                                \
    F(easy_init)                                                                                   \
    F(easy_setopt)                                                                                 \
    F(easy_strerror)                                                                               \
    F(global_init)                                                                                 \
    F(multi_add_handle)                                                                            \
    F(multi_cleanup)                                                                               \
    F(multi_info_read)                                                                             \
    F(multi_init)                                                                                  \
    F(multi_remove_handle)                                                                         \
    F(multi_setopt)                                                                                \
    F(multi_socket_action)                                                                         \
    F(slist_append)                                                                                \
    F(slist_free_all)                                                                              \
    F(url)                                                                                         \
    F(url_cleanup)                                                                                 \
    F(url_get)                                                                                     \
    F(url_set)                                                                                     \
    F(free)

#define WEBHOOK_CURL_MEMBER(name) __typeof__(curl_##name) *name;
/* Its functions, without their "curl_". */
struct webhook_curl {
    WEBHOOK_CURL_FUNCTIONS(WEBHOOK_CURL_MEMBER)
};
#undef WEBHOOK_CURL_MEMBER

/* It stays loaded. NULL with *problem, borrowed, when there is none that can be used. One thread.
 */
const struct webhook_curl *webhook_curl_load(const char **problem)
    __attribute__((warn_unused_result));

#endif
