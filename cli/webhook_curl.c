/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/webhook_curl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

static struct webhook_curl loaded;
static bool ready;

#define FUNCTION_ROW(function) {"curl_" #function, offsetof(struct webhook_curl, function)},
static const struct {
    const char *name;
    size_t offset;
} functions[] = {WEBHOOK_CURL_FUNCTIONS(FUNCTION_ROW)};

const struct webhook_curl *webhook_curl_load(const char **problem)
{
    if (ready)
        return &loaded;
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        *problem = dlerror();
        return NULL;
    }
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function) {
            *problem = dlerror();
            return NULL;
        }
        memcpy((char *)&loaded + functions[i].offset, &function, sizeof(function));
    }
    if (loaded.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        *problem = LIBRARY ": cannot be initialized";
        return NULL;
    }
    ready = true;
    return &loaded;
}
