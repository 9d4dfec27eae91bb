/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/bus/selector.h"
#include "daemon/engine/chain.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

static struct ledger *ledger;
static struct rentbus_buffer event_bytes;
static struct chain chain;

static int set_up(void **state)
{
    (void)state;
    struct ledger_event asset = {.type = RENTBUS_ASSET_CREATED_EVENT};
    ledger = ledger_create();
    RENTBUS_SET(&asset.data.asset, asset, id, rentbus_text("b1"));
    RENTBUS_SET(&asset.data.asset, asset, asset_type, rentbus_text("bowl"));
    asset.subject = rentbus_text("b1");
    return ledger_apply(ledger, &asset, 1);
}

static int tear_down(void **state)
{
    (void)state;
    ledger_destroy(&ledger);
    rentbus_buffer_release(&event_bytes);
    return 0;
}

/* A published event whose data has these texts, in pairs; `rental`: and a map of the others. */
static struct selector_keys published(const char *type, const char *const data[],
                                      const char *const rental[], uint64_t hops)
{
    struct rentbus_buffer out = {0};
    struct selector_keys keys;
    size_t count = 0;
    size_t inner = 0;
    while (data[2 * count])
        count++;
    while (rental && rental[2 * inner])
        inner++;
    rentbus_cbor_write_map(&out, count + (rental ? 1 : 0));
    for (size_t i = 0; i < 2 * count; i++)
        rentbus_cbor_write_text(&out, data[i], strlen(data[i]));
    if (rental) {
        rentbus_cbor_write_text(&out, "rental", 6);
        rentbus_cbor_write_map(&out, inner);
        for (size_t i = 0; i < 2 * inner; i++)
            rentbus_cbor_write_text(&out, rental[i], strlen(rental[i]));
    }
    struct ledger_event event = {.type = RENTBUS_EVENT_NONE, .subject = rentbus_text("x")};
    event.data.published =
        (struct ledger_published){rentbus_text(type), (struct rentbus_bytes){out.data, out.length}};
    struct chain_origin origin = {.actor = rentbus_text("uid:1"), .hops = hops};
    struct journal_head head = {0};
    chain_init(&chain, "test", &head);
    rentbus_buffer_clear(&event_bytes);
    assert_int_equal(chain_append(&chain, &origin, &event, 5, &event_bytes), 0);
    rentbus_buffer_release(&out);
    struct rentbus_bytes bytes = {event_bytes.data, event_bytes.length};
    assert_int_equal(selector_read(bytes, &keys), 0);
    return keys;
}

#define DATA(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_DATA ((const char *const[]){NULL})

static bool matches(const struct rentbus_consumer *wants, struct selector_keys keys)
{
    return selector_matches(wants, ledger, &keys);
}

static struct rentbus_consumer wants_user(const char *id)
{
    struct rentbus_consumer wants = {0};
    RENTBUS_SET(&wants, consumer, user_id, rentbus_text(id));
    return wants;
}

static struct rentbus_consumer wants_type(const char *id)
{
    struct rentbus_consumer wants = {0};
    RENTBUS_SET(&wants, consumer, asset_type, rentbus_text(id));
    return wants;
}

static struct rentbus_consumer wants_location(const char *id)
{
    struct rentbus_consumer wants = {0};
    RENTBUS_SET(&wants, consumer, location_id, rentbus_text(id));
    return wants;
}

static void test_users(void **state)
{
    (void)state;
    struct rentbus_consumer ann = wants_user("ann");
    assert_true(matches(&ann, published("t", DATA("user_id", "ann"), NULL, 0)));
    assert_false(matches(&ann, published("t", DATA("user_id", "anna"), NULL, 0)));
    assert_false(matches(&ann, published("t", NO_DATA, NULL, 0)));
    assert_false(matches(&ann, published("t", DATA("id", "ann"), NULL, 0)));
    assert_true(matches(&ann, published("t", NO_DATA, DATA("user_id", "ann"), 0)));
    assert_false(matches(&ann, published("t", DATA("user_id", "bob"), DATA("user_id", "ann"), 0)));
    assert_true(matches(&ann, published("USER_x", DATA("id", "ann"), NULL, 0)));
    assert_true(matches(&ann, published("USER_x", DATA("id", "7", "user_id", "ann"), NULL, 0)));
}

static void test_types_of_assets(void **state)
{
    (void)state;
    struct rentbus_consumer bowl = wants_type("bowl");
    assert_true(matches(&bowl, published("t", DATA("asset_type", "bowl"), NULL, 0)));
    assert_true(matches(&bowl, published("t", DATA("asset_id", "b1"), NULL, 0)));
    assert_false(matches(&bowl, published("t", DATA("asset_id", "b2"), NULL, 0)));
    assert_true(matches(&bowl, published("t", NO_DATA, DATA("asset_id", "b1"), 0)));
    assert_false(
        matches(&bowl, published("t", DATA("asset_id", "b1", "asset_type", "mug"), NULL, 0)));
    assert_true(matches(&bowl, published("ASSET_TYPE_x", DATA("id", "bowl"), NULL, 0)));
    assert_false(matches(&bowl, published("ASSET_x", DATA("id", "bowl"), NULL, 0)));
}

static void test_locations(void **state)
{
    (void)state;
    struct rentbus_consumer bin = wants_location("bin");
    assert_true(matches(&bin, published("t", DATA("location_id", "bin"), NULL, 0)));
    assert_true(matches(&bin, published("LOCATION_x", DATA("id", "bin"), NULL, 0)));
    assert_true(matches(&bin, published("t", NO_DATA, DATA("created_at_location_id", "bin"), 0)));
    assert_false(matches(
        &bin,
        published("t", NO_DATA,
                  DATA("created_at_location_id", "bin", "returned_at_location_id", "desk"), 0)));
    assert_false(matches(&bin, published("t", DATA("returned_at_location_id", "bin"), NULL, 0)));
}

static void test_all_filters_must_fit(void **state)
{
    (void)state;
    struct rentbus_consumer wants = wants_user("ann");
    RENTBUS_SET(&wants, consumer, location_id, rentbus_text("bin"));
    RENTBUS_SET(&wants, consumer, types,
                ((struct rentbus_ids){2, {rentbus_text("a"), rentbus_text("b")}}));
    const char *const both[] = {"user_id", "ann", "location_id", "bin", NULL};
    assert_true(matches(&wants, published("a", both, NULL, 0)));
    assert_true(matches(&wants, published("b", both, NULL, 0)));
    assert_false(matches(&wants, published("ab", both, NULL, 0)));
    assert_false(matches(&wants, published("a", DATA("user_id", "ann"), NULL, 0)));
    assert_false(matches(&wants, published("a", DATA("location_id", "bin"), NULL, 0)));
}

static void test_events_of_consumers(void **state)
{
    (void)state;
    struct rentbus_consumer all = {0};
    RENTBUS_SET(&all, consumer, id, rentbus_text("c"));
    assert_true(matches(&all, published("anything", NO_DATA, NULL, 99)));
    assert_false(matches(&all, published("CONSUMER_x", NO_DATA, NULL, 0)));
    struct rentbus_consumer told = all;
    RENTBUS_SET(&told, consumer, types, ((struct rentbus_ids){1, {rentbus_text("CONSUMER_x")}}));
    assert_true(matches(&told, published("CONSUMER_x", NO_DATA, NULL, RENTBUS_HOPS_MAX)));
    assert_false(matches(&told, published("CONSUMER_x", NO_DATA, NULL, RENTBUS_HOPS_MAX + 1)));
    told.id = rentbus_text("x"); /* their subject */
    assert_false(matches(&told, published("CONSUMER_x", NO_DATA, NULL, 0)));
}

static void test_what_is_no_event(void **state)
{
    (void)state;
    struct selector_keys keys;
    assert_int_not_equal(selector_read((struct rentbus_bytes){(const uint8_t *)"\xa0", 1}, &keys),
                         0);
    assert_int_not_equal(selector_read((struct rentbus_bytes){(const uint8_t *)"", 0}, &keys), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_users, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_types_of_assets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_locations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_filters_must_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_events_of_consumers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_event, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
