/* SPDX-License-Identifier: MPL-2.0 */
/* Puts locations, many at once, and prints a line for each as it is acknowledged: its name, the
 * outcome and the seq. Ends with 0 when all were: sdk_load API PREFIX COUNT IN_FLIGHT */
#include <errno.h>
#include <inttypes.h>
#include <rentbus/rentbus.h>
#include <stdio.h>
#include <stdlib.h>

/* Enough for a daemon that is killed again and again meanwhile. */
#define TIMEOUT_MS 60000
#define RETRY_MS 200

struct load {
    struct rentbus_client *client;
    const char *prefix;
    long started;
    long count;
    long failed;
};

struct put {
    struct load *load;
    long number;
};

static void put_done(void *context, const struct rentbus_completion *completion)
{
    struct put *put = context;
    const struct rentbus_command_result *result = completion->result;
    if (result) {
        printf("%s-%ld %s %" PRIu64 "\n", put->load->prefix, put->number,
               rentbus_word_text(&rentbus_outcome_words, (int)result->outcome), result->seq);
        fflush(stdout);
    } else {
        put->load->failed++;
        fprintf(stderr, "%s-%ld: %d\n", put->load->prefix, put->number, completion->status);
    }
    free(put);
}

static int put_start(struct load *load)
{
    struct put *put = malloc(sizeof(*put));
    if (!put)
        return -ENOMEM;
    *put = (struct put){load, load->started};
    char name[RENTBUS_ID_MAX];
    snprintf(name, sizeof(name), "%s-%ld", load->prefix, load->started);
    struct rentbus_location args = {0};
    RENTBUS_SET(&args, location, id, rentbus_text(name));
    int error =
        rentbus_call_start(load->client, RENTBUS_OP_location_put, NULL, &args, put_done, put);
    if (error)
        free(put);
    else
        load->started++;
    return error;
}

static int load_run(struct load *load)
{
    while (load->started < load->count || rentbus_client_in_flight(load->client) > 0) {
        int error = 0;
        while (error == 0 && load->started < load->count)
            error = put_start(load);
        if (error && error != -EAGAIN)
            return error;
        int completed = rentbus_client_wait(load->client, -1);
        if (completed < 0)
            return completed;
    }
    return load->failed ? -EIO : 0;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    struct load load = {.prefix = argv[2], .count = strtol(argv[3], NULL, 10)};
    const struct rentbus_options options = {
        .api = argv[1],
        .timeout_ms = TIMEOUT_MS,
        .retry_ms = RETRY_MS,
        .in_flight_max = (uint32_t)strtoul(argv[4], NULL, 10),
    };
    int error = rentbus_client_open(&options, &load.client);
    if (!error)
        error = load_run(&load);
    rentbus_client_close(&load.client);
    return error ? 1 : 0;
}
