/* SPDX-License-Identifier: MPL-2.0 */
/* Handles the events of a consumer in two threads, until SIGTERM or Ctrl-C: worker CONSUMER
 * There has to be one of that name: rentbus call consumer.put '{"id": "CONSUMER"}' */
#include <rentbus/rentbus.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static enum rentbus_handled handle(void *context, struct rentbus_handling *handling)
{
    char *json = rentbus_to_json(&rentbus_event_schema, handling->event);
    (void)context;
    if (!json)
        return RENTBUS_RETRY;
    puts(json);
    rentbus_free(json);
    return RENTBUS_HANDLED;
}

static void stop(int signal)
{
    (void)signal;
    rentbus_worker_stop();
}

int main(int argc, char **argv)
{
    struct rentbus_fault fault = {0};
    if (argc != 2)
        return 2;
    const struct rentbus_worker_options options = {
        .consumer = argv[1],
        .threads = 2,
        .fault = &fault,
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    int status = rentbus_worker_run(&options, handle, NULL);
    if (status != 0)
        fprintf(stderr, "%s\n", status < 0 ? strerror(-status) : fault.message);
    return status == 0 ? 0 : 1;
}
