/* SPDX-License-Identifier: MPL-2.0 */
/* Rentals that change again after they were over, beside others that come for the first time: each
 * transaction puts what is new in batches, and of each rental its last state is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sdk/protocol/text.h"
#include "tests/unit/archive_fixture.h"

/* Some batches. */
#define RENTALS 200
#define ROUNDS 6

struct state {
    uint64_t rev;
    enum rentbus_status status; /* NONE: not in the archive */
};

/* Every other one has a UUID for its id, the others a text. */
static struct rentbus_rental rental_of(uint64_t number, const struct state *state, char id[64])
{
    struct rentbus_rental rental = archive_fixture_rental(number);

    if (number % 2)
        snprintf(id, 64, "01940000-0000-7000-8000-%012x", (unsigned)number);
    else
        snprintf(id, 64, "rental-%u", (unsigned)number);
    rental.id = rentbus_text(id);
    rental.rev = state->rev;
    rental.status = state->status;
    RENTBUS_SET(&rental, rental, returned_at, rental.created_at + 1000000);
    RENTBUS_SET(&rental, rental, closed_by, RENTBUS_CLOSED_BY_missed_scan);
    return rental;
}

static void change(struct journal_fixture *fixture, uint64_t number, struct state *state)
{
    struct rentbus_rental_data data = {.has = RENTBUS_BIT(rental_data, rental)};
    char id[64];

    data.rental = rental_of(number, state, id);
    archive_fixture_append(fixture,
                           &(struct archive_fixture_event){"RENTAL_EXPIRED_EVENT", 0,
                                                           &rentbus_rental_data_schema, &data});
}

/* Changes some of those that there are, and brings some new ones. */
static void change_some(struct journal_fixture *fixture, struct state states[RENTALS])
{
    static const enum rentbus_status statuses[] = {
        RENTBUS_STATUS_COMPLETED, RENTBUS_STATUS_COMPLETED, RENTBUS_STATUS_COMPLETED,
        RENTBUS_STATUS_FORGIVEN, RENTBUS_STATUS_IN_PROGRESS};

    for (uint64_t number = 1; number < RENTALS; number++) {
        struct state *state = &states[number];
        if (journal_fixture_random(fixture, 4) > 0)
            continue;
        state->rev = state->rev > 0 ? state->rev + 1 : 2;
        /* Long runs of what is over, and some of what is not. */
        state->status =
            number < RENTALS / 2
                ? RENTBUS_STATUS_COMPLETED
                : statuses[journal_fixture_random(fixture, sizeof(statuses) / sizeof(*statuses))];
        change(fixture, number, state);
    }
}

static void check_rental(struct archive_reader *reader, uint64_t number, const struct state *state)
{
    struct rentbus_buffer expected = {0};
    struct rentbus_buffer found = {0};
    char id[64];
    struct rentbus_rental rental = rental_of(number, state, id);
    bool over =
        state->status == RENTBUS_STATUS_COMPLETED || state->status == RENTBUS_STATUS_FORGIVEN;

    rentbus_encode(&rentbus_rental_schema, &rental, &expected);
    assert_int_equal(archive_rental_get(reader, rental.id, &found), over);
    if (over) {
        assert_int_equal(found.length, expected.length);
        assert_memory_equal(found.data, expected.data, found.length);
    }
    rentbus_buffer_release(&expected);
    rentbus_buffer_release(&found);
}

static void test_rentals_are_as_their_last_event_left_them(void **state)
{
    struct journal_fixture *fixture = *state;
    struct state states[RENTALS] = {{0}};
    struct archive *archive = archive_fixture_open(fixture);

    for (size_t round = 0; round < ROUNDS; round++) {
        change_some(fixture, states);
        archive_fixture_follow(fixture, archive, 10000);
        struct archive_reader *reader = archive_fixture_read(fixture);
        for (uint64_t number = 1; number < RENTALS; number++)
            check_rental(reader, number, &states[number]);
        archive_reader_close(&reader);
    }
    archive_close(&archive);
}

/* What an import may bring: the last one keeps the id. */
static void test_an_id_that_comes_again_moves(void **state)
{
    struct journal_fixture *fixture = *state;
    struct state over = {2, RENTBUS_STATUS_COMPLETED};
    struct rentbus_rental_data data = {.has = RENTBUS_BIT(rental_data, rental)};
    struct archive *archive = archive_fixture_open(fixture);
    struct archive_counts counts;
    struct rentbus_buffer found = {0};
    char id[64];

    for (uint64_t number = 2; number < 80; number += 2) {
        data.rental = rental_of(number == 60 ? 20 : number, &over, id);
        data.rental.created_seq = number;
        archive_fixture_append(fixture,
                               &(struct archive_fixture_event){"RENTAL_EXPIRED_EVENT", 0,
                                                               &rentbus_rental_data_schema, &data});
    }
    archive_fixture_follow(fixture, archive, 10000);
    struct archive_reader *reader = archive_fixture_read(fixture);
    assert_int_equal(archive_count(reader, &counts), 0);
    assert_int_equal(counts.rentals, 38);
    assert_int_equal(archive_rental_get(reader, rentbus_text("rental-20"), &found), 1);
    struct rentbus_rental rental;
    struct rentbus_fault fault;
    assert_int_equal(rentbus_decode(&rentbus_rental_schema,
                                    (struct rentbus_bytes){found.data, found.length},
                                    RENTBUS_LENIENT, &rental, &fault),
                     0);
    assert_int_equal(rental.created_seq, 60);
    rentbus_buffer_release(&found);
    archive_reader_close(&reader);
    archive_close(&archive);
}

#define WITH_JOURNAL(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, journal_fixture_setup, journal_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_JOURNAL(test_rentals_are_as_their_last_event_left_them),
        WITH_JOURNAL(test_an_id_that_comes_again_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
