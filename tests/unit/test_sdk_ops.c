/* SPDX-License-Identifier: MPL-2.0 */
/* The typed calls: what they send is what was said, and what they give is what was answered. */
#include "sdk/protocol/codec.h"
#include "tests/unit/client_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AT (INT64_C(1739185200) * RENTBUS_SECOND)

static struct rentbus_buffer sent; /* what the arguments that a test looks at point into */

static int release_sent(void **state)
{
    rentbus_buffer_release(&sent);
    return client_teardown(state);
}

static void assert_text(struct rentbus_text text, const char *wanted)
{
    assert_int_equal(text.length, strlen(wanted));
    assert_memory_equal(text.data, wanted, text.length);
}

/* Appends one to a list of a result. */
static void add(struct rentbus_buffer *items, struct rentbus_list *list,
                const struct rentbus_schema *schema, const void *item)
{
    rentbus_encode(schema, item, items);
    *list = (struct rentbus_list){items->data, items->length, list->count + 1};
}

/* ---- devices ---- */

static struct rentbus_device device(const char *id, struct rentbus_buffer *items)
{
    static const struct rentbus_device_hole holes[] = {
        {.has = 3, .first = 2, .last = 3},
        {.has = 3, .first = 7, .last = 7},
    };
    struct rentbus_device device = {0};
    RENTBUS_SET(&device, device, id, rentbus_text(id));
    RENTBUS_SET(&device, device, missing, 3);
    RENTBUS_SET(&device, device, device_seq, 9);
    device.has |= RENTBUS_BIT(device, holes);
    for (size_t i = 0; i < 2; i++)
        add(items, &device.holes, &rentbus_device_hole_schema, &holes[i]);
    return device;
}

static void assert_device(const struct rentbus_device *device, const char *id)
{
    struct rentbus_device_hole hole;
    size_t position = 0;
    assert_text(device->id, id);
    assert_int_equal(device->missing, 3);
    assert_int_equal(device->device_seq, 9);
    assert_int_equal(device->holes.count, 2);
    static const uint64_t wanted[][2] = {{2, 3}, {7, 7}};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            rentbus_list_next(&device->holes, &rentbus_device_hole_schema, &position, &hole), 1);
        assert_int_equal(hole.first, wanted[i][0]);
        assert_int_equal(hole.last, wanted[i][1]);
    }
    assert_int_equal(
        rentbus_list_next(&device->holes, &rentbus_device_hole_schema, &position, &hole), 0);
}

static void reads_a_device_as_it_was(void **state)
{
    struct client_fixture *fixture = *state;
    struct rentbus_buffer holes = {0};
    struct rentbus_device_result answer = {.device = device("bin-1", &holes)};
    answer.has = RENTBUS_BIT(device_result, device);
    fake_daemon_result(fixture->fake, &rentbus_device_result_schema, &answer);
    struct rentbus_id_args args = {0};
    struct rentbus_device_result result;
    RENTBUS_SET(&args, id_args, id, rentbus_text("bin-1"));
    RENTBUS_SET(&args, id_args, at_seq, 4096);
    assert_int_equal(rentbus_device_get(fixture->client, NULL, &args, &result), 0);
    assert_device(&result.device, "bin-1");
    struct rentbus_id_args asked;
    fake_daemon_args(fixture->fake, &rentbus_id_args_schema, &sent, &asked);
    assert_int_equal(fake_daemon_requests(fixture->fake, "device.get"), 1);
    assert_true(asked.has == args.has);
    assert_int_equal(asked.at_seq, 4096);
    rentbus_buffer_release(&holes);
}

static void reads_a_page_of_devices(void **state)
{
    struct client_fixture *fixture = *state;
    struct rentbus_buffer holes = {0};
    struct rentbus_buffer devices = {0};
    struct rentbus_device one = device("bin-1", &holes);
    struct rentbus_device_page answer = {0};
    RENTBUS_SET(&answer, device_page, cursor, rentbus_text("d1"));
    answer.has |= RENTBUS_BIT(device_page, devices);
    add(&devices, &answer.devices, &rentbus_device_schema, &one);
    fake_daemon_result(fixture->fake, &rentbus_device_page_schema, &answer);
    struct rentbus_device_page page;
    size_t position = 0;
    assert_int_equal(rentbus_device_list(fixture->client, NULL, NULL, &page), 0);
    assert_text(page.cursor, "d1");
    assert_int_equal(rentbus_list_next(&page.devices, &rentbus_device_schema, &position, &one), 1);
    assert_device(&one, "bin-1");
    rentbus_buffer_release(&devices);
    rentbus_buffer_release(&holes);
}

static struct rentbus_return_args spooled(uint64_t device_seq)
{
    struct rentbus_return_args args = client_scan();
    RENTBUS_SET(&args, return_args, device_id, rentbus_text("bin-1"));
    RENTBUS_SET(&args, return_args, device_seq, device_seq);
    RENTBUS_SET(&args, return_args, clock_offset_ms, INT64_C(-90061001));
    RENTBUS_SET(&args, return_args, override, rentbus_text("she pays tomorrow"));
    return args;
}

static void assert_spooled(const struct rentbus_return_args *args, uint64_t device_seq)
{
    assert_true(args->has == spooled(device_seq).has);
    assert_text(args->device_id, "bin-1");
    assert_int_equal(args->device_seq, device_seq);
    assert_true(args->clock_offset_ms == INT64_C(-90061001));
    assert_text(args->override, "she pays tomorrow");
}

static void sends_what_a_device_says_of_its_scan(void **state)
{
    struct client_fixture *fixture = *state;
    struct rentbus_return_args args = spooled(42);
    struct rentbus_return_args asked;
    assert_int_equal(rentbus_rental_return(fixture->client, NULL, &args, NULL), 0);
    fake_daemon_args(fixture->fake, &rentbus_return_args_schema, &sent, &asked);
    assert_spooled(&asked, 42);
    size_t requests = fake_daemon_requests(fixture->fake, NULL);
    RENTBUS_SET(&args, return_args, device_seq, UINT64_MAX);
    assert_int_equal(rentbus_rental_return(fixture->client, NULL, &args, NULL),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(rentbus_client_fault(fixture->client)->field, "device_seq");
    assert_int_equal(fake_daemon_requests(fixture->fake, NULL), requests);
}

/* The reading of the commands of a batch that was sent. */
static struct rentbus_batch_command command_at(const struct rentbus_list *commands,
                                               size_t *position)
{
    struct rentbus_batch_command command;
    assert_int_equal(rentbus_list_next(commands, &rentbus_batch_command_schema, position, &command),
                     1);
    return command;
}

static void sends_a_spool_in_one_batch(void **state)
{
    struct client_fixture *fixture = *state;
    struct rentbus_batch_builder *builder = NULL;
    assert_int_equal(rentbus_batch_open(fixture->client, &builder), 0);
    for (uint64_t seq = 1; seq <= RENTBUS_BATCH_MAX; seq++) {
        struct rentbus_return_args args = spooled(seq);
        assert_int_equal(rentbus_batch_add(builder, RENTBUS_OP_rental_return, NULL, &args), 0);
    }
    struct rentbus_id_args none = {0};
    assert_int_equal(rentbus_batch_add(builder, RENTBUS_OP_device_get, NULL, &none), -EINVAL);
    assert_int_equal(rentbus_batch_add(builder, RENTBUS_OP_explain, NULL, NULL), -EINVAL);
    struct rentbus_batch_args args = {0};
    struct rentbus_batch_args asked;
    struct rentbus_batch_result result;
    RENTBUS_SET(&args, batch_args, commands, rentbus_batch_commands(builder));
    assert_int_equal(rentbus_batch(fixture->client, NULL, &args, &result), 0);
    assert_int_equal(result.replies.count, RENTBUS_BATCH_MAX);
    fake_daemon_args(fixture->fake, &rentbus_batch_args_schema, &sent, &asked);
    size_t position = 0;
    for (uint64_t seq = 1; seq <= RENTBUS_BATCH_MAX; seq++) {
        struct rentbus_batch_command command = command_at(&asked.commands, &position);
        struct rentbus_return_args scan;
        struct rentbus_fault fault;
        assert_int_equal(rentbus_decode(&rentbus_return_args_schema, command.args, RENTBUS_STRICT,
                                        &scan, &fault),
                         0);
        assert_spooled(&scan, seq);
    }
    rentbus_batch_close(&builder);
}

/* ---- reading ---- */

static void finds_rentals_by_every_field(void **state)
{
    struct client_fixture *fixture = *state;
    struct rentbus_rental_page answer = {.has = RENTBUS_BIT(rental_page, rentals)};
    fake_daemon_result(fixture->fake, &rentbus_rental_page_schema, &answer);
    struct rentbus_rental_list_args args = {0};
    struct rentbus_rental_list_args asked;
    RENTBUS_SET(&args, rental_list_args, at, AT);
    RENTBUS_SET(&args, rental_list_args, closed_by, RENTBUS_CLOSED_BY_late_checkout);
    RENTBUS_SET(&args, rental_list_args, created_from, AT - RENTBUS_DAY);
    RENTBUS_SET(&args, rental_list_args, returned_until, AT + RENTBUS_DAY);
    RENTBUS_SET(&args, rental_list_args, renewals, 0);
    RENTBUS_SET(&args, rental_list_args, flag_reason, rentbus_text("late"));
    RENTBUS_SET(&args, rental_list_args, eligible_asset_type, rentbus_text("mug"));
    assert_int_equal(rentbus_rental_list(fixture->client, NULL, &args, NULL), 0);
    fake_daemon_args(fixture->fake, &rentbus_rental_list_args_schema, &sent, &asked);
    assert_true(asked.has == args.has);
    assert_true(asked.at == AT && asked.created_from == AT - RENTBUS_DAY);
    assert_true(asked.returned_until == AT + RENTBUS_DAY);
    assert_int_equal(asked.closed_by, RENTBUS_CLOSED_BY_late_checkout);
    assert_int_equal(asked.renewals, 0);
    assert_text(asked.eligible_asset_type, "mug");
}

static void reads_a_history(void **state)
{
    struct client_fixture *fixture = *state;
    struct rentbus_events_read_args args = {0};
    struct rentbus_events_read_args asked;
    RENTBUS_SET(&args, events_read_args, rental_id, rentbus_text("r-1"));
    RENTBUS_SET(&args, events_read_args, limit, 10);
    assert_int_equal(rentbus_events_read(fixture->client, NULL, &args, NULL), 0);
    fake_daemon_args(fixture->fake, &rentbus_events_read_args_schema, &sent, &asked);
    assert_true(asked.has == args.has);
    assert_text(asked.rental_id, "r-1");
}

static void counts_returns(void **state)
{
    struct client_fixture *fixture = *state;
    struct rentbus_buffer days = {0};
    struct rentbus_day_returns day = {0};
    struct rentbus_stats_result answer = {0};
    RENTBUS_SET(&day, day_returns, day, rentbus_text("2025-02-10"));
    RENTBUS_SET(&day, day_returns, returns, 12);
    answer.has = (UINT64_C(1) << RENTBUS_FIELDS_OF_stats_result) - 1;
    answer.returns = 12;
    answer.median_loan_period = 3600;
    add(&days, &answer.returns_by_day, &rentbus_day_returns_schema, &day);
    fake_daemon_result(fixture->fake, &rentbus_stats_result_schema, &answer);
    struct rentbus_stats_args args = {0};
    struct rentbus_stats_result stats;
    size_t position = 0;
    RENTBUS_SET(&args, stats_args, since, AT);
    assert_int_equal(rentbus_stats(fixture->client, NULL, &args, &stats), 0);
    assert_int_equal(stats.returns, 12);
    assert_int_equal(stats.median_loan_period, 3600);
    memset(&day, 0, sizeof(day));
    assert_int_equal(
        rentbus_list_next(&stats.returns_by_day, &rentbus_day_returns_schema, &position, &day), 1);
    assert_text(day.day, "2025-02-10");
    assert_int_equal(day.returns, 12);
    assert_int_equal(stats.returns_by_location.count, 0);
    rentbus_buffer_release(&days);
}

static struct rentbus_rental rental(const char *id)
{
    struct rentbus_rental rental = {0};
    RENTBUS_SET(&rental, rental, id, rentbus_text(id));
    RENTBUS_SET(&rental, rental, rev, 1);
    RENTBUS_SET(&rental, rental, status, RENTBUS_STATUS_IN_PROGRESS);
    RENTBUS_SET(&rental, rental, user_id, rentbus_text("u"));
    RENTBUS_SET(&rental, rental, asset_id, rentbus_text("a"));
    RENTBUS_SET(&rental, rental, renewals, 0);
    RENTBUS_SET(&rental, rental, created_at, AT);
    RENTBUS_SET(&rental, rental, expires_at, AT + RENTBUS_DAY);
    RENTBUS_SET(&rental, rental, created_seq, 5);
    rental.has |= RENTBUS_BIT(rental, eligible_asset_types);
    RENTBUS_SET(&rental, rental, created_at_location_id, rentbus_text("l"));
    return rental;
}

static void explains_a_command(void **state)
{
    struct client_fixture *fixture = *state;
    static const struct rentbus_uuid command = {{[0] = 1, [6] = 0x70, [8] = 0x80, [15] = 7}};
    struct rentbus_buffer items = {0};
    struct rentbus_candidate candidate = {.has = 3, .verdict = RENTBUS_VERDICT_behind};
    struct rentbus_explain_result answer = {0};
    candidate.rental = rental("r-1");
    RENTBUS_SET(&answer, explain_result, command, command);
    RENTBUS_SET(&answer, explain_result, outcome, RENTBUS_OUTCOME_COMPLETED);
    answer.has |= RENTBUS_BIT(explain_result, events) | RENTBUS_BIT(explain_result, candidates);
    add(&items, &answer.candidates, &rentbus_candidate_schema, &candidate);
    fake_daemon_result(fixture->fake, &rentbus_explain_result_schema, &answer);
    struct rentbus_explain_args args = {0};
    struct rentbus_explain_args asked;
    struct rentbus_explain_result result;
    size_t position = 0;
    RENTBUS_SET(&args, explain_args, command_id, command);
    assert_int_equal(rentbus_explain(fixture->client, NULL, &args, &result), 0);
    assert_memory_equal(&result.command, &command, sizeof(command));
    assert_false(RENTBUS_HAS(&result, explain_result, policy));
    assert_int_equal(
        rentbus_list_next(&result.candidates, &rentbus_candidate_schema, &position, &candidate), 1);
    assert_int_equal(candidate.verdict, RENTBUS_VERDICT_behind);
    assert_text(candidate.rental.id, "r-1");
    fake_daemon_args(fixture->fake, &rentbus_explain_args_schema, &sent, &asked);
    assert_memory_equal(&asked.command_id, &command, sizeof(command));
    rentbus_buffer_release(&items);
}

static void tells_the_role(void **state)
{
    struct client_fixture *fixture = *state;
    struct rentbus_hello_result hello;
    assert_int_equal(rentbus_hello(fixture->client, NULL, NULL, &hello), 0);
    assert_int_equal(hello.role, RENTBUS_ROLE_clerk);
}

#define WITH_CLIENT(test) cmocka_unit_test_setup_teardown(test, client_setup, release_sent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CLIENT(reads_a_device_as_it_was),
        WITH_CLIENT(reads_a_page_of_devices),
        WITH_CLIENT(sends_what_a_device_says_of_its_scan),
        WITH_CLIENT(sends_a_spool_in_one_batch),
        WITH_CLIENT(finds_rentals_by_every_field),
        WITH_CLIENT(reads_a_history),
        WITH_CLIENT(counts_returns),
        WITH_CLIENT(explains_a_command),
        WITH_CLIENT(tells_the_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
