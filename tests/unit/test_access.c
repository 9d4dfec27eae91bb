/* SPDX-License-Identifier: MPL-2.0 */
/* Which role may do what: each operation for each role, and what its arguments may say. */
#include "daemon/api/access.h"
#include "sdk/protocol/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROLES (RENTBUS_ROLE_admin + 1)

/* Principal uid:N has role N; uid:8 and uid:9 are kiosks with locations of their own,
 * uid:10 and uid:11 lambdas with consumers of their own. */
static struct access access;

static void add_own(struct access_principal *principal, const char *id)
{
    if (!id)
        return;
    principal->own_count++;
    snprintf(access.own[access.own_count++], sizeof *access.own, "%s", id);
}

static void add(const char *name, enum rentbus_role role, const char *first, const char *second)
{
    struct access_principal *principal = &access.principals[access.principal_count++];
    snprintf(principal->name, sizeof principal->name, "%s", name);
    principal->role = role;
    principal->own_first = access.own_count;
    add_own(principal, first);
    add_own(principal, second);
}

static int setup(void **state)
{
    (void)state;
    access.default_role = RENTBUS_ROLE_reader;
    add("uid:1", RENTBUS_ROLE_reader, NULL, NULL);
    add("uid:2", RENTBUS_ROLE_kiosk, NULL, NULL);
    add("uid:3", RENTBUS_ROLE_clerk, NULL, NULL);
    add("uid:4", RENTBUS_ROLE_lambda, NULL, NULL);
    add("uid:5", RENTBUS_ROLE_admin, NULL, NULL);
    add("uid:8", RENTBUS_ROLE_kiosk, "north-bin", "south-bin");
    add("uid:9", RENTBUS_ROLE_kiosk, "east-bin", NULL);
    add("uid:10", RENTBUS_ROLE_lambda, "thanks", "mail-*");
    add("uid:11", RENTBUS_ROLE_lambda, "*", NULL);
    return 0;
}

/* Who of reader, kiosk, clerk, lambda and admin may ask for it: written down a second time, since
 * the table is the rule. */
static const struct {
    const char *op;
    const char *roles;
} allowed[] = {
    {"hello", "rkcla"},           {"rental.return", "kca"},
    {"rental.checkout", "kca"},   {"rental.renew", "ca"},
    {"rental.forgive", "ca"},     {"rental.flag", "ca"},
    {"rental.unflag", "ca"},      {"rental.get", "rkcla"},
    {"rental.list", "rkcla"},     {"user.put", "ca"},
    {"user.block", "ca"},         {"user.unblock", "ca"},
    {"user.get", "rkcla"},        {"user.list", "rkcla"},
    {"asset.put", "ca"},          {"asset.get", "rkcla"},
    {"asset.list", "rkcla"},      {"asset_type.put", "a"},
    {"asset_type.get", "rkcla"},  {"location.put", "a"},
    {"asset_type.list", "rkcla"}, {"location.get", "rkcla"},
    {"location.list", "rkcla"},   {"device.get", "rkcla"},
    {"device.list", "rkcla"},     {"policy.put", "a"},
    {"policy.get", "rkcla"},      {"batch", "ca"},
    {"command.get", "rkcla"},     {"events.read", "rkcla"},
    {"stats", "rkcla"},           {"explain", "rkcla"},
    {"admin.import", "a"},        {"admin.verify", "a"},
    {"admin.trim", "a"},          {"admin.snapshot", "a"},
    {"admin.import_device", "a"}, {"publish", "la"},
    {"consumer.put", "la"},       {"consumer.get", "rkcla"},
    {"consumer.list", "rkcla"},   {"consumer.parked", "rkcla"},
    {"consumer.delete", "la"},    {"consumer.pause", "la"},
    {"consumer.resume", "la"},    {"consumer.reset", "la"},
    {"consumer.skip", "la"},      {"consumer.fetch", "la"},
    {"consumer.ack", "la"},       {"consumer.nack", "la"},
    {"consumer.extend", "la"},    {"consumer.replay", "la"},
    {"consumer.drop", "la"},
};

static void test_every_operation_for_every_role(void **state)
{
    (void)state;
    static const char letters[ROLES] = {[RENTBUS_ROLE_reader] = 'r',
                                        [RENTBUS_ROLE_kiosk] = 'k',
                                        [RENTBUS_ROLE_clerk] = 'c',
                                        [RENTBUS_ROLE_lambda] = 'l',
                                        [RENTBUS_ROLE_admin] = 'a'};
    assert_int_equal(sizeof allowed / sizeof *allowed, RENTBUS_OP_COUNT);
    for (size_t i = 0; i < RENTBUS_OP_COUNT; i++) {
        enum rentbus_op op = rentbus_op_find(rentbus_text(allowed[i].op));
        assert_int_not_equal(op, RENTBUS_OP_COUNT);
        for (int role = 1; role < ROLES; role++) {
            char principal[16];
            struct rentbus_fault fault = {0};
            snprintf(principal, sizeof principal, "uid:%d", role);
            int status = access_check(&access, rentbus_text(principal), op, &fault);
            bool wanted = strchr(allowed[i].roles, letters[role]) != NULL;
            if (status != (wanted ? 0 : RENTBUS_ERROR_PERMISSION_DENIED))
                fail_msg("%s for %s: %d", allowed[i].op, principal, status);
        }
    }
}

static void test_a_refusal_names_operation_and_role(void **state)
{
    (void)state;
    struct rentbus_fault fault = {0};
    assert_int_equal(access_check(&access, rentbus_text("uid:2"), RENTBUS_OP_rental_renew, &fault),
                     RENTBUS_ERROR_PERMISSION_DENIED);
    assert_int_equal(fault.code, RENTBUS_ERROR_PERMISSION_DENIED);
    assert_string_equal(fault.message, "rental.renew is not for the role kiosk");
    assert_string_equal(fault.field, "");
}

static void test_who_is_who(void **state)
{
    (void)state;
    struct rentbus_fault fault = {0};
    assert_int_equal(access_role(&access, rentbus_text("uid:5")), RENTBUS_ROLE_admin);
    assert_int_equal(access_role(&access, rentbus_text("uid:8")), RENTBUS_ROLE_kiosk);
    static const char *const others[] = {"uid:55", "uid:", "uid:6", "anonymous", "", "UID:5"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(access_role(&access, rentbus_text(others[i])), RENTBUS_ROLE_reader);
    assert_int_equal(access_role(NULL, rentbus_text("uid:1")), RENTBUS_ROLE_admin);
    for (enum rentbus_op op = 0; op < RENTBUS_OP_COUNT; op++)
        assert_int_equal(access_check(NULL, rentbus_text("uid:1"), op, &fault), 0);
}

/* A scan by the principal: what access_check_args() says, and the field that it blames. */
static int scan(const char *principal, const char *location, const char *override,
                struct rentbus_fault *fault)
{
    struct rentbus_return_args args = {0};
    *fault = (struct rentbus_fault){0};
    if (location)
        RENTBUS_SET(&args, return_args, location_id, rentbus_text(location));
    if (override)
        RENTBUS_SET(&args, return_args, override, rentbus_text(override));
    return access_check_args(principal ? &access : NULL, rentbus_text(principal ? principal : ""),
                             RENTBUS_OP_rental_return, &args, fault);
}

static void assert_refused(const char *principal, const char *location, const char *override,
                           const char *field, const char *message)
{
    struct rentbus_fault fault;
    assert_int_equal(scan(principal, location, override, &fault), RENTBUS_ERROR_PERMISSION_DENIED);
    assert_string_equal(fault.field, field);
    assert_string_equal(fault.message, message);
}

static void test_a_kiosk_scans_at_its_own_locations(void **state)
{
    (void)state;
    struct rentbus_fault fault;
    assert_int_equal(scan("uid:8", "north-bin", NULL, &fault), 0);
    assert_int_equal(scan("uid:8", "south-bin", NULL, &fault), 0);
    assert_int_equal(scan("uid:9", "east-bin", NULL, &fault), 0);
    static const char elsewhere[] =
        "rental.return at the location of another is not for the role kiosk";
    assert_refused("uid:8", "east-bin", NULL, "location_id", elsewhere);
    assert_refused("uid:8", "north-bin2", NULL, "location_id", elsewhere);
    assert_refused("uid:8", "north-bi", NULL, "location_id", elsewhere);
    assert_refused("uid:9", "north-bin", NULL, "location_id", elsewhere);
    assert_refused("uid:9", NULL, NULL, "location_id",
                   "rental.return without a location is not for the role kiosk");
}

static void test_a_kiosk_without_locations_scans_anywhere(void **state)
{
    (void)state;
    struct rentbus_fault fault;
    assert_int_equal(scan("uid:2", "north-bin", NULL, &fault), 0);
    assert_int_equal(scan("uid:2", NULL, NULL, &fault), 0);
}

static void test_only_clerks_and_admins_override(void **state)
{
    (void)state;
    struct rentbus_fault fault;
    static const char message[] = "rental.return with an override is not for the role kiosk";
    assert_refused("uid:2", "north-bin", "why", "override", message);
    assert_refused("uid:8", "north-bin", "why", "override", message);
    assert_refused("uid:8", "north-bin", "", "override", message);
    assert_int_equal(scan("uid:3", NULL, "why", &fault), 0);
    assert_int_equal(scan("uid:5", NULL, "why", &fault), 0);
    assert_int_equal(scan(NULL, NULL, "why", &fault), 0);
}

static void test_arguments_of_reads_are_free(void **state)
{
    (void)state;
    struct rentbus_fault fault;
    struct rentbus_rental_list_args args = {0};
    assert_int_equal(
        access_check_args(&access, rentbus_text("uid:8"), RENTBUS_OP_rental_list, &args, &fault),
        0);
    struct rentbus_empty nothing = {0};
    assert_int_equal(
        access_check_args(&access, rentbus_text("uid:8"), RENTBUS_OP_hello, &nothing, &fault), 0);
}

/* The operation about the consumer, by the principal. */
static int keep(const char *principal, enum rentbus_op op, const char *id,
                struct rentbus_fault *fault)
{
    /* In the arguments of every operation of consumers, the id is found by the schema. */
    union {
        struct rentbus_consumer_put_args put;
        struct rentbus_consumer_args plain;
        struct rentbus_fetch_args fetch;
        struct rentbus_ack_args ack;
        struct rentbus_nack_args nack;
        struct rentbus_extend_args extend;
        struct rentbus_consumer_reset_args reset;
        struct rentbus_consumer_skip_args skip;
        struct rentbus_consumer_parked_args parked;
    } args = {0};
    const struct rentbus_schema *schema = rentbus_op_rows[op].args;
    size_t index = rentbus_schema_find(schema, "id", 2);
    struct rentbus_text text = rentbus_text(id);
    assert_true(index < schema->count);
    memcpy((char *)&args + schema->fields[index].offset, &text, sizeof text);
    *fault = (struct rentbus_fault){0};
    return access_check_args(&access, rentbus_text(principal), op, &args, fault);
}

static bool keeps_consumers(enum rentbus_op op)
{
    struct rentbus_fault fault;
    return strncmp(rentbus_op_rows[op].wire, "consumer.", 9) == 0 &&
           access_check(&access, rentbus_text("uid:1"), op, &fault) != 0;
}

static void test_a_lambda_keeps_its_own_consumers(void **state)
{
    (void)state;
    static const struct {
        const char *principal;
        const char *id;
        bool own;
    } cases[] = {
        {"uid:10", "thanks", true},  {"uid:10", "mail-", true},  {"uid:10", "mail-x", true},
        {"uid:10", "mail-*", true},  {"uid:10", "thank", false}, {"uid:10", "thanks2", false},
        {"uid:10", "mail", false},   {"uid:10", "", false},      {"uid:10", "Thanks", false},
        {"uid:10", "xmail-", false}, {"uid:11", "any", true},    {"uid:4", "thanks", false},
        {"uid:4", "*", false},       {"uid:5", "thanks", true},
    };
    char message[128];
    size_t seen = 0;
    for (enum rentbus_op op = 0; op < RENTBUS_OP_COUNT; op++) {
        if (!keeps_consumers(op))
            continue;
        seen++;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct rentbus_fault fault;
            int status = keep(cases[i].principal, op, cases[i].id, &fault);
            if (status != (cases[i].own ? 0 : RENTBUS_ERROR_PERMISSION_DENIED))
                fail_msg("%s of %s for %s: %d", rentbus_op_rows[op].wire, cases[i].id,
                         cases[i].principal, status);
            if (cases[i].own)
                continue;
            snprintf(message, sizeof message,
                     "%s of a consumer that is not its own is not for the role lambda",
                     rentbus_op_rows[op].wire);
            assert_string_equal(fault.field, "id");
            assert_string_equal(fault.message, message);
        }
    }
    assert_int_equal(seen, 12);
}

/* As a default role: nothing is listed for who has no section. */
static void test_a_lambda_without_a_section_keeps_none(void **state)
{
    (void)state;
    struct rentbus_fault fault;
    access.default_role = RENTBUS_ROLE_lambda;
    int status = keep("uid:12", RENTBUS_OP_consumer_fetch, "thanks", &fault);
    access.default_role = RENTBUS_ROLE_reader;
    assert_int_equal(status, RENTBUS_ERROR_PERMISSION_DENIED);
    assert_string_equal(fault.field, "id");
}

static void test_a_lambda_publishes_what_it_likes_and_reads_of_all(void **state)
{
    (void)state;
    struct rentbus_fault fault;
    struct rentbus_publish_args publish = {0};
    assert_int_equal(
        access_check_args(&access, rentbus_text("uid:10"), RENTBUS_OP_publish, &publish, &fault),
        0);
    assert_int_equal(keep("uid:10", RENTBUS_OP_consumer_get, "another", &fault), 0);
    assert_int_equal(keep("uid:4", RENTBUS_OP_consumer_parked, "another", &fault), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operation_for_every_role),
        cmocka_unit_test(test_a_refusal_names_operation_and_role),
        cmocka_unit_test(test_who_is_who),
        cmocka_unit_test(test_a_kiosk_scans_at_its_own_locations),
        cmocka_unit_test(test_a_kiosk_without_locations_scans_anywhere),
        cmocka_unit_test(test_only_clerks_and_admins_override),
        cmocka_unit_test(test_arguments_of_reads_are_free),
        cmocka_unit_test(test_a_lambda_keeps_its_own_consumers),
        cmocka_unit_test(test_a_lambda_without_a_section_keeps_none),
        cmocka_unit_test(test_a_lambda_publishes_what_it_likes_and_reads_of_all),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
