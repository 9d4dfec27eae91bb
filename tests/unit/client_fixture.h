/* SPDX-License-Identifier: MPL-2.0 */
/* A client of the SDK beside a daemon that does as it is told, for the tests of clients. */
#ifndef RENTBUS_TEST_CLIENT_FIXTURE_H
#define RENTBUS_TEST_CLIENT_FIXTURE_H

#include <rentbus/rentbus.h>

#include "tests/unit/fake_daemon.h"

struct client_fixture {
    struct fake_daemon *fake;
    struct rentbus_options options;
    struct rentbus_client *client;
};

int client_setup(void **state);
int client_teardown(void **state);
/* Opens the client again with the options that the fixture has now. */
void client_reopen(struct client_fixture *fixture);

/* A return that every daemon takes, and a call of it. */
struct rentbus_return_args client_scan(void);
int client_call_scan(struct client_fixture *fixture, struct rentbus_command_result *result);
/* Milliseconds of a clock that only goes on. */
int64_t client_clock_ms(void);

/* What became of the calls that were started with it. */
struct client_tally {
    struct rentbus_client *client;
    int done;
    int ok;
    int status;  /* the last that was not 0 */
    int restart; /* calls that callbacks are still to start */
    int nested;  /* what a call from within a callback said */
};

/* The callback of those calls. */
void client_count(void *context, const struct rentbus_completion *completion);
void client_start(struct client_tally *tally, int calls);
/* Waits until so many have completed; fails the test after some seconds. */
void client_wait_for(struct client_tally *tally, int calls);

#endif
