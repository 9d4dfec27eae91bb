/* SPDX-License-Identifier: MPL-2.0 */
/* A worker of the SDK beside a consumer that does as it is told. Each function fails the test when
 * it cannot do what it says. */
#ifndef RENTBUS_TEST_WORKER_FIXTURE_H
#define RENTBUS_TEST_WORKER_FIXTURE_H

#include "tests/unit/client_fixture.h"
#include "tests/unit/fake_consumer.h"

/* Only a test that fails waits for so long. */
#define WORKER_DEADLINE_MS 20000

struct worker_fixture {
    struct fake_daemon *fake;
    struct rentbus_options connection;
    struct rentbus_worker_options options;
    struct rentbus_worker *worker;
};

int worker_setup(void **state);
int worker_teardown(void **state);
/* From its next start on the worker soon sends again what is not answered. Before, it is patient:
 * it sends each request once, however slow the machine is. */
void worker_hurry(struct worker_fixture *fixture);
/* Opens the worker, anew if there is one, with the options that the fixture has now. */
void worker_start(struct worker_fixture *fixture);
/* Waits for the next event; as rentbus_worker_next(). */
int worker_next(struct worker_fixture *fixture, struct rentbus_delivery *delivery);
/* The next event is that one. */
void worker_take(struct worker_fixture *fixture, uint64_t seq, struct rentbus_delivery *delivery);
void worker_ack(struct worker_fixture *fixture, const struct rentbus_delivery *delivery);
void worker_flush(struct worker_fixture *fixture);
void worker_expect_nothing(struct worker_fixture *fixture, int timeout_ms);
struct fake_consumer_counts worker_counts(struct worker_fixture *fixture);
/* Requests of an operation so far; NULL: of all. */
size_t worker_requests(struct worker_fixture *fixture, const char *op);

#endif
