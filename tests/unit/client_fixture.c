/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

int client_setup(void **state)
{
    struct client_fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->fake = fake_daemon_start();
    fixture->options = (struct rentbus_options){
        .api = fixture->fake->api,
        .events = fixture->fake->events,
        .retry_ms = 100,
        .timeout_ms = 10000,
    };
    assert_int_equal(rentbus_client_open(&fixture->options, &fixture->client), 0);
    *state = fixture;
    return 0;
}

int client_teardown(void **state)
{
    struct client_fixture *fixture = *state;
    rentbus_client_close(&fixture->client);
    assert_null(fixture->client);
    fake_daemon_stop(&fixture->fake);
    free(fixture);
    return 0;
}

void client_reopen(struct client_fixture *fixture)
{
    rentbus_client_close(&fixture->client);
    assert_int_equal(rentbus_client_open(&fixture->options, &fixture->client), 0);
}

struct rentbus_return_args client_scan(void)
{
    struct rentbus_return_args args = {0};
    RENTBUS_SET(&args, return_args, timestamp, 0);
    RENTBUS_SET(&args, return_args, location_id, rentbus_text("bin-1"));
    RENTBUS_SET(&args, return_args, asset_id, rentbus_text("box-1"));
    return args;
}

int client_call_scan(struct client_fixture *fixture, struct rentbus_command_result *result)
{
    struct rentbus_return_args args = client_scan();
    return rentbus_rental_return(fixture->client, NULL, &args, result);
}

int64_t client_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void client_count(void *context, const struct rentbus_completion *completion)
{
    struct client_tally *tally = context;
    tally->done++;
    tally->ok += completion->status == 0;
    if (completion->status != 0)
        tally->status = completion->status;
    assert_true((completion->status == 0) == (completion->result != NULL));
    assert_true((completion->status > 0) == (completion->fault != NULL));
    if (completion->status == 0)
        tally->nested = rentbus_hello(tally->client, NULL, NULL, NULL);
    if (tally->restart > 0) {
        struct rentbus_return_args args = client_scan();
        tally->restart--;
        assert_int_equal(rentbus_call_start(tally->client, RENTBUS_OP_rental_return, NULL, &args,
                                            client_count, tally),
                         0);
    }
}

void client_start(struct client_tally *tally, int calls)
{
    struct rentbus_return_args args = client_scan();
    for (int i = 0; i < calls; i++)
        assert_int_equal(rentbus_call_start(tally->client, RENTBUS_OP_rental_return, NULL, &args,
                                            client_count, tally),
                         0);
}

void client_wait_for(struct client_tally *tally, int calls)
{
    int64_t end = client_clock_ms() + 20000;
    while (tally->done < calls && client_clock_ms() < end)
        assert_true(rentbus_client_wait(tally->client, 1000) >= 0);
    assert_int_equal(tally->done, calls);
}
