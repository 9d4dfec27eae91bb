/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/options.h"

#include <stdlib.h>

#define TIMEOUT_MS 5000
#define RETRY_MS 1000
#define IN_FLIGHT_MAX 4096

static const char *text_choose(const char *given, const char *variable, const char *otherwise)
{
    if (given)
        return given;
    const char *set = getenv(variable);
    return set && *set ? set : otherwise;
}

static uint32_t number_choose(uint32_t given, uint32_t otherwise)
{
    return given > 0 ? given : otherwise;
}

struct options options_choose(const struct rentbus_options *options)
{
    struct rentbus_options given = {0};
    if (options)
        given = *options;
    return (struct options){
        .api = text_choose(given.api, "RENTBUS_API", RENTBUS_API_DEFAULT),
        .events = text_choose(given.events, "RENTBUS_EVENTS", RENTBUS_EVENTS_DEFAULT),
        .timeout_ms = number_choose(given.timeout_ms, TIMEOUT_MS),
        .retry_ms = number_choose(given.retry_ms, RETRY_MS),
        .in_flight_max = number_choose(given.in_flight_max, IN_FLIGHT_MAX),
        .gather = given.gather,
    };
}
