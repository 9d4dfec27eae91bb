/* SPDX-License-Identifier: MPL-2.0 */
/* Batches: how they are put together, sent, sent again, and answered. */
#include "tests/unit/fake_daemon.h"

#include <errno.h>
#include <rentbus/rentbus.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct fake_daemon *fake;
    struct rentbus_client *client;
    struct rentbus_batch_builder *builder;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->fake = fake_daemon_start();
    struct rentbus_options options = {
        .api = fixture->fake->api,
        .events = fixture->fake->events,
        .retry_ms = 100,
        .timeout_ms = 10000,
    };
    assert_int_equal(rentbus_client_open(&options, &fixture->client), 0);
    assert_int_equal(rentbus_batch_open(fixture->client, &fixture->builder), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    rentbus_batch_close(&fixture->builder);
    assert_null(fixture->builder);
    rentbus_batch_close(&fixture->builder);
    rentbus_client_close(&fixture->client);
    fake_daemon_stop(&fixture->fake);
    free(fixture);
    return 0;
}

static struct rentbus_uuid numbered(uint8_t number)
{
    return (struct rentbus_uuid){{[0] = 1, [6] = 0x70, [8] = 0x80, [15] = number}};
}

static int add_unblock(struct fixture *fixture, const struct rentbus_uuid *id)
{
    struct rentbus_user_unblock_args args = {0};
    RENTBUS_SET(&args, user_unblock_args, id, rentbus_text("user-1"));
    return rentbus_batch_add(fixture->builder, RENTBUS_OP_user_unblock, id, &args);
}

static int add_put(struct fixture *fixture, const struct rentbus_uuid *id)
{
    struct rentbus_user_put_args args = {0};
    RENTBUS_SET(&args, user_put_args, id, rentbus_text("user-1"));
    return rentbus_batch_add(fixture->builder, RENTBUS_OP_user_put, id, &args);
}

static int send_all(struct fixture *fixture, bool atomic, struct rentbus_batch_result *result)
{
    struct rentbus_batch_args args = {0};
    RENTBUS_SET(&args, batch_args, commands, rentbus_batch_commands(fixture->builder));
    if (atomic)
        RENTBUS_SET(&args, batch_args, atomic, true);
    return rentbus_batch(fixture->client, NULL, &args, result);
}

static struct rentbus_batch_reply next(const struct rentbus_batch_result *result, size_t *position)
{
    struct rentbus_batch_reply reply;
    int got = rentbus_list_next(&result->replies, &rentbus_batch_reply_schema, position, &reply);
    assert_int_equal(got, 1);
    return reply;
}

static void assert_end(const struct rentbus_batch_result *result, size_t position)
{
    struct rentbus_batch_reply reply;
    assert_int_equal(position, result->replies.length);
    assert_int_equal(
        rentbus_list_next(&result->replies, &rentbus_batch_reply_schema, &position, &reply), 0);
}

static void answers_each_command(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_uuid ids[] = {numbered(1), numbered(2), numbered(3)};
    struct rentbus_batch_result result;
    assert_int_equal(add_put(fixture, &ids[0]), 0);
    assert_int_equal(add_unblock(fixture, &ids[1]), 0);
    assert_int_equal(add_put(fixture, &ids[2]), 0);
    assert_int_equal(send_all(fixture, false, &result), 0);
    assert_true(result.applied);
    assert_int_equal(result.replies.count, 3);
    size_t position = 0;
    for (size_t i = 0; i < 3; i++) {
        struct rentbus_batch_reply reply = next(&result, &position);
        assert_memory_equal(&reply.id, &ids[i], sizeof(ids[i]));
        assert_int_equal(reply.ok, i != 1);
        assert_int_equal(reply.result.seq, i != 1 ? i + 1 : 0);
        assert_int_equal(reply.error.code, i != 1 ? 0 : RENTBUS_ERROR_NOT_FOUND);
    }
    assert_end(&result, position);
}

static void says_whether_all_was_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_batch_result result;
    assert_int_equal(add_put(fixture, NULL), 0);
    assert_int_equal(send_all(fixture, true, &result), 0);
    assert_true(result.applied);
    assert_int_equal(add_unblock(fixture, NULL), 0);
    assert_int_equal(send_all(fixture, true, &result), 0);
    assert_false(result.applied);
    assert_int_equal(result.replies.count, 2);
}

static void sends_nothing_as_well(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_batch_result result;
    assert_int_equal(send_all(fixture, false, &result), 0);
    assert_end(&result, 0);
}

static void makes_ids_where_none_are_given(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_batch_result result;
    for (int i = 0; i < 5; i++)
        assert_int_equal(add_put(fixture, NULL), 0);
    assert_int_equal(send_all(fixture, false, &result), 0);
    size_t position = 0;
    struct rentbus_uuid last = {0};
    for (int i = 0; i < 5; i++) {
        struct rentbus_batch_reply reply = next(&result, &position);
        assert_true(memcmp(&last, &reply.id, sizeof(last)) < 0);
        last = reply.id;
    }
}

static void takes_a_thousand(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_batch_result result;
    for (int i = 0; i < RENTBUS_BATCH_MAX; i++)
        assert_int_equal(add_put(fixture, NULL), 0);
    assert_int_equal(add_put(fixture, NULL), RENTBUS_ERROR_TOO_LARGE);
    assert_string_equal(rentbus_client_fault(fixture->client)->field, "commands");
    assert_int_equal(rentbus_batch_commands(fixture->builder).count, RENTBUS_BATCH_MAX);
    assert_int_equal(send_all(fixture, false, &result), 0);
    assert_int_equal(result.replies.count, RENTBUS_BATCH_MAX);
    rentbus_batch_clear(fixture->builder);
    assert_int_equal(rentbus_batch_commands(fixture->builder).count, 0);
    assert_int_equal(add_put(fixture, NULL), 0);
    assert_int_equal(send_all(fixture, false, &result), 0);
    assert_int_equal(result.replies.count, 1);
}

/* Every field of a checkout, as long as it may be. `id` and `qr` have their greatest lengths. */
static struct rentbus_checkout_args longest_checkout(struct rentbus_text id, struct rentbus_text qr)
{
    struct rentbus_checkout_args args = {0};
    RENTBUS_SET(&args, checkout_args, dry_run, true);
    RENTBUS_SET(&args, checkout_args, user_id, id);
    RENTBUS_SET(&args, checkout_args, asset_id, id);
    RENTBUS_SET(&args, checkout_args, timestamp, 1);
    RENTBUS_SET(&args, checkout_args, expires_at, 1);
    RENTBUS_SET(&args, checkout_args, loan_period, 36000 * INT64_C(86400) + 86399);
    RENTBUS_SET(&args, checkout_args, location_id, id);
    RENTBUS_SET(&args, checkout_args, user_qr_data, qr);
    RENTBUS_SET(&args, checkout_args, asset_qr_data, qr);
    args.has |= RENTBUS_BIT(checkout_args, eligible_asset_types);
    args.eligible_asset_types.count = RENTBUS_IDS_MAX;
    for (size_t i = 0; i < RENTBUS_IDS_MAX; i++)
        args.eligible_asset_types.items[i] = id;
    return args;
}

static void takes_a_thousand_of_the_longest(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_batch_result result;
    char id[RENTBUS_ID_MAX];
    char qr[RENTBUS_QR_MAX + 1];
    memset(id, 'x', sizeof(id));
    assert_int_equal(rentbus_base64_encode((const uint8_t *)id, sizeof(id), qr), RENTBUS_QR_MAX);
    struct rentbus_checkout_args args =
        longest_checkout((struct rentbus_text){id, sizeof(id)}, rentbus_text(qr));
    for (int i = 0; i < RENTBUS_BATCH_MAX; i++)
        assert_int_equal(
            rentbus_batch_add(fixture->builder, RENTBUS_OP_rental_checkout, NULL, &args), 0);
    assert_int_equal(send_all(fixture, true, &result), 0);
    assert_int_equal(result.replies.count, RENTBUS_BATCH_MAX);
}

static void keeps_what_it_has_when_it_refuses(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_renew_args renew = {0};
    assert_int_equal(add_put(fixture, NULL), 0);
    struct rentbus_list before = rentbus_batch_commands(fixture->builder);
    assert_int_equal(rentbus_batch_add(fixture->builder, RENTBUS_OP_rental_renew, NULL, &renew),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(rentbus_client_fault(fixture->client)->field, "rental_id");
    assert_int_equal(rentbus_batch_add(fixture->builder, RENTBUS_OP_user_put, NULL, NULL),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    RENTBUS_SET(&renew, renew_args, rental_id, rentbus_text("two\nlines"));
    assert_int_equal(rentbus_batch_add(fixture->builder, RENTBUS_OP_rental_renew, NULL, &renew),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    renew.has = UINT64_C(1) << 63;
    assert_int_equal(rentbus_batch_add(fixture->builder, RENTBUS_OP_rental_renew, NULL, &renew),
                     -EINVAL);
    enum rentbus_op others[] = {RENTBUS_OP_hello, RENTBUS_OP_batch, RENTBUS_OP_COUNT};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(rentbus_batch_add(fixture->builder, others[i], NULL, NULL), -EINVAL);
    struct rentbus_list after = rentbus_batch_commands(fixture->builder);
    assert_int_equal(after.count, 1);
    assert_int_equal(after.length, before.length);
    assert_int_equal(send_all(fixture, false, NULL), 0);
}

static void sends_the_same_again(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_uuid id = numbered(7);
    struct rentbus_batch_result result;
    assert_int_equal(add_put(fixture, &id), 0);
    enum fake_mood moods[] = {FAKE_SILENT, FAKE_BUSY, FAKE_UNAVAILABLE};
    for (size_t i = 0; i < 3; i++) {
        size_t before = fake_daemon_requests(fixture->fake, "batch");
        fake_daemon_mood(fixture->fake, moods[i], 2);
        assert_int_equal(send_all(fixture, false, &result), 0);
        assert_int_equal(fake_daemon_requests(fixture->fake, "batch"), before + 3);
        const struct rentbus_uuid *ids = &fixture->fake->ids[before];
        assert_memory_equal(&ids[0], &ids[2], sizeof(*ids));
        size_t position = 0;
        struct rentbus_batch_reply reply = next(&result, &position);
        assert_memory_equal(&reply.id, &id, sizeof(id));
    }
}

/* Lists that no builder made: nothing of it is read before it is checked. */
static void refuses_commands_that_are_none(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t lying[] = {0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t text[] = {0x7a, 0x7f, 0xff, 0xff, 0xff};
    static const uint8_t number[] = {0x01};
    struct rentbus_list lists[] = {
        {NULL, 0, 1},
        {NULL, 0, SIZE_MAX},
        {lying, sizeof(lying), 1},
        {text, sizeof(text), 1},
        {number, sizeof(number), 1},
        {number, sizeof(number), 0},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct rentbus_batch_args args = {0};
        RENTBUS_SET(&args, batch_args, commands, lists[i]);
        assert_int_equal(rentbus_batch(fixture->client, NULL, &args, NULL),
                         RENTBUS_ERROR_INVALID_ARGUMENT);
    }
    assert_int_equal(fake_daemon_requests(fixture->fake, NULL), 0);
}

static void wants_a_client(void **state)
{
    (void)state;
    struct rentbus_batch_builder *builder = NULL;
    assert_int_equal(rentbus_batch_open(NULL, &builder), -EINVAL);
    assert_int_equal(rentbus_batch_add(NULL, RENTBUS_OP_user_put, NULL, NULL), -EINVAL);
    assert_null(builder);
    rentbus_batch_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_each_command),
        TEST(says_whether_all_was_nothing),
        TEST(sends_nothing_as_well),
        TEST(makes_ids_where_none_are_given),
        TEST(takes_a_thousand),
        TEST(takes_a_thousand_of_the_longest),
        TEST(keeps_what_it_has_when_it_refuses),
        TEST(sends_the_same_again),
        TEST(refuses_commands_that_are_none),
        cmocka_unit_test(wants_a_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
