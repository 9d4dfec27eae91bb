/* SPDX-License-Identifier: MPL-2.0 */
/* Handles the events of a consumer until SIGTERM: a line for each, its seq, attempt, subject and
 * type. sdk_work API CONSUMER WORKER THREADS [CREDIT [FAIL_EACH [SUBJECT]]]: every FAIL_EACH-th seq
 * fails at its first attempt, and what is about SUBJECT always. The last line: how it ended. */
#include <inttypes.h>
#include <rentbus/rentbus.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t fail_each;
static const char *fail_subject;

static void stop(int signal)
{
    (void)signal;
    rentbus_worker_stop();
}

static enum rentbus_handled handle(void *context, struct rentbus_handling *handling)
{
    const struct rentbus_event *event = handling->event;
    struct rentbus_text subject = {0};
    (void)context;
    if (RENTBUS_HAS(event, event, subject))
        subject = event->subject;
    printf("%" PRIu64 " %" PRIu64 " %.*s %.*s\n", event->seq, handling->attempt,
           RENTBUS_TEXT_ARGS(subject), RENTBUS_TEXT_ARGS(event->type));
    bool hopeless = fail_subject && rentbus_text_equal(subject, rentbus_text(fail_subject));
    if (!hopeless && (fail_each == 0 || event->seq % fail_each != 0 || handling->attempt > 1))
        return RENTBUS_HANDLED;
    handling->error = "as told";
    return RENTBUS_FAILED;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    const struct sigaction action = {.sa_handler = stop};
    struct rentbus_fault fault = {0};
    const struct rentbus_options connection = {
        .api = argv[1],
        .retry_ms = 200,
        .timeout_ms = 2000,
    };
    const struct rentbus_worker_options options = {
        .connection = &connection,
        .consumer = argv[2],
        .worker = argv[3],
        .threads = (uint32_t)strtoul(argv[4], NULL, 10),
        .credit = argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 10) : 0,
        .fault = &fault,
    };
    fail_each = argc > 6 ? strtoull(argv[6], NULL, 10) : 0;
    fail_subject = argc > 7 ? argv[7] : NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigaction(SIGTERM, &action, NULL);
    int status = rentbus_worker_run(&options, handle, NULL);
    printf("end %d %s\n", status, fault.message);
    return status == 0 ? 0 : 1;
}
