/* SPDX-License-Identifier: MPL-2.0 */
/* What an import says of a return counts as the return itself did where it was recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/archive/tally.h"
#include "sdk/protocol/text.h"
#include "tests/unit/archive_fixture.h"

static const struct {
    bool typed; /* imports of before the type was noted are counted as they were then */
    enum rentbus_status status;
    enum rentbus_closed_by closed_by;
    uint64_t returns;
    uint64_t missed_scans;
} counted[] = {
    {true, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_NONE, 1, 0},
    {true, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_return_scan, 1, 0},
    {true, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_late_checkout, 1, 0},
    {true, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_missed_scan, 0, 1},
    {true, RENTBUS_STATUS_FLAGGED, RENTBUS_CLOSED_BY_return_scan, 1, 0},
    {true, RENTBUS_STATUS_FLAGGED, RENTBUS_CLOSED_BY_NONE, 0, 0},
    {true, RENTBUS_STATUS_FORGIVEN, RENTBUS_CLOSED_BY_return_scan, 1, 0},
    {true, RENTBUS_STATUS_FORGIVEN, RENTBUS_CLOSED_BY_forgive, 0, 0},
    {false, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_return_scan, 1, 0},
    {false, RENTBUS_STATUS_FLAGGED, RENTBUS_CLOSED_BY_return_scan, 0, 0},
    {false, RENTBUS_STATUS_FORGIVEN, RENTBUS_CLOSED_BY_return_scan, 0, 0},
};

static struct rentbus_rental_data imported(size_t row)
{
    struct rentbus_rental_data data = {.has = RENTBUS_BIT(rental_data, rental),
                                       .rental = archive_fixture_rental(1)};

    RENTBUS_SET(&data.rental, rental, status, counted[row].status);
    RENTBUS_SET(&data.rental, rental, returned_at, data.rental.created_at + 1);
    if (counted[row].closed_by)
        RENTBUS_SET(&data.rental, rental, closed_by, counted[row].closed_by);
    if (counted[row].typed)
        RENTBUS_SET(&data, rental_data, asset_type, rentbus_text("mug"));
    return data;
}

static void test_an_import_counts_as_the_return_did(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof(counted) / sizeof(*counted); row++) {
        struct tally *tally = tally_create();
        struct tally_summary summary = {0};
        struct rentbus_rental_data data = imported(row);
        assert_non_null(tally);
        assert_int_equal(tally_take(tally, RENTBUS_RENTAL_IMPORTED_EVENT, &data), 0);
        assert_int_equal(tally_summarize(tally, INT64_MIN, INT64_MAX, &summary), 0);
        if (summary.returns != counted[row].returns ||
            summary.missed_scans != counted[row].missed_scans ||
            summary.types.count != (counted[row].typed && counted[row].returns))
            fail_msg("row %zu", row);
        tally_summary_release(&summary);
        tally_destroy(&tally);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_import_counts_as_the_return_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
