/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/worker_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

int worker_setup(void **state)
{
    struct worker_fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->fake = fake_daemon_start();
    fake_consumer_open(fixture->fake);
    fixture->connection = (struct rentbus_options){
        .api = fixture->fake->api,
        .retry_ms = 100000,
        .timeout_ms = 20000,
    };
    fixture->options = (struct rentbus_worker_options){
        .connection = &fixture->connection,
        .consumer = "c",
        .worker = "w",
    };
    *state = fixture;
    return 0;
}

int worker_teardown(void **state)
{
    struct worker_fixture *fixture = *state;
    rentbus_worker_close(&fixture->worker);
    assert_null(fixture->worker);
    fake_daemon_stop(&fixture->fake);
    free(fixture);
    return 0;
}

void worker_hurry(struct worker_fixture *fixture)
{
    fixture->connection.retry_ms = 100;
    fixture->connection.timeout_ms = 1000;
}

void worker_start(struct worker_fixture *fixture)
{
    rentbus_worker_close(&fixture->worker);
    assert_int_equal(rentbus_worker_open(&fixture->options, &fixture->worker), 0);
}

int worker_next(struct worker_fixture *fixture, struct rentbus_delivery *delivery)
{
    return rentbus_worker_next(fixture->worker, WORKER_DEADLINE_MS, delivery);
}

void worker_take(struct worker_fixture *fixture, uint64_t seq, struct rentbus_delivery *delivery)
{
    assert_int_equal(worker_next(fixture, delivery), 1);
    assert_int_equal(delivery->event.seq, seq);
}

void worker_ack(struct worker_fixture *fixture, const struct rentbus_delivery *delivery)
{
    assert_int_equal(rentbus_worker_ack(fixture->worker, delivery), 0);
}

void worker_flush(struct worker_fixture *fixture)
{
    assert_int_equal(rentbus_worker_flush(fixture->worker, WORKER_DEADLINE_MS), 0);
}

void worker_expect_nothing(struct worker_fixture *fixture, int timeout_ms)
{
    struct rentbus_delivery delivery;
    assert_int_equal(rentbus_worker_next(fixture->worker, timeout_ms, &delivery), 0);
}

struct fake_consumer_counts worker_counts(struct worker_fixture *fixture)
{
    return fake_consumer_counts(fixture->fake);
}

size_t worker_requests(struct worker_fixture *fixture, const char *op)
{
    return fake_daemon_requests(fixture->fake, op);
}
