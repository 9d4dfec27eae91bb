/* SPDX-License-Identifier: MPL-2.0 */
/* What the fake daemon answers to operations other than those of workers. Under its mutex. */
#ifndef RENTBUS_TEST_FAKE_RESULTS_H
#define RENTBUS_TEST_FAKE_RESULTS_H

#include "tests/unit/fake_daemon.h"

/* Appends the event `seq` of its journal. */
void fake_event_put(struct fake_daemon *fake, uint64_t seq, struct rentbus_buffer *out);
/* Appends the result of the request. */
void fake_result_put(struct fake_daemon *fake, const struct rentbus_request *request,
                     struct rentbus_buffer *out);

#endif
