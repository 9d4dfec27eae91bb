/* SPDX-License-Identifier: MPL-2.0 */
/* Trimming a journal on a disk that fails: a slice goes whole, with the base that says so, or not
 * at all, and what is left is all there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/fault_vfs.h"
#include "tests/unit/journal_fixture.h"

#define BEFORE 600
#define THROUGH 512

static int setup(void **state)
{
    fault_vfs_install();
    return journal_fixture_setup(state);
}

static int teardown(void **state)
{
    int r = journal_fixture_teardown(state);

    fault_vfs_uninstall();
    return r;
}

static void begin_anew(void **state)
{
    fault_vfs_plan((struct fault_plan){0});
    assert_int_equal(teardown(state), 0);
    assert_int_equal(setup(state), 0);
    struct journal_fixture *fixture = *state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(journal_fixture_append(fixture->journal, BEFORE / 3), 0);
    assert_int_equal(journal_checkpoint(fixture->reader), 0);
}

static void close_all(struct journal_fixture *fixture)
{
    journal_reader_close(&fixture->reader);
    journal_close(&fixture->journal);
}

/* Either nothing of a slice of three blocks went, or all of it. */
static void check_whole(struct journal_fixture *fixture, uint64_t least)
{
    uint8_t hash[RENTBUS_HASH_SIZE];
    const struct journal_head *base = journal_base(fixture->journal);

    journal_fixture_hash(base->seq, hash);
    assert_true(base->seq == 0 || base->seq == 400);
    assert_true(base->seq >= least);
    if (base->seq)
        assert_memory_equal(base->hash, hash, sizeof(hash));
    journal_fixture_check(fixture->reader, base->seq + 1, BEFORE);
}

static void check_recovery(struct journal_fixture *fixture)
{
    struct journal_trimmed slice;

    assert_int_equal(journal_trim(fixture->journal, THROUGH, &slice), -EIO);
    assert_int_equal(journal_fixture_append(fixture->journal, 1), -EIO);
    fault_vfs_plan((struct fault_plan){0});
    assert_int_equal(journal_recover(fixture->journal), 0);
    uint64_t recovered = journal_base(fixture->journal)->seq;
    check_whole(fixture, 0);
    close_all(fixture);
    fault_vfs_lose_unsynced(0, true);
    journal_fixture_reopen(fixture);
    check_whole(fixture, recovered);
    assert_int_equal(journal_trim(fixture->journal, THROUGH, &slice), 0);
    check_whole(fixture, 400);
}

static unsigned fail_each(void **state, bool sync)
{
    unsigned failures = 0;

    for (uint64_t n = 1;; n++) {
        struct journal_trimmed slice = {0};
        begin_anew(state);
        struct journal_fixture *fixture = *state;
        fault_vfs_plan((struct fault_plan){.write = sync ? 0 : n, .sync = sync ? n : 0});
        int r = journal_trim(fixture->journal, THROUGH, &slice);
        if (!fault_vfs_fired()) {
            assert_int_equal(r, 0);
            assert_int_equal(slice.events, 400);
            return failures;
        }
        assert_int_equal(r, -EIO);
        assert_int_equal(slice.events, 0);
        assert_int_equal(journal_base(fixture->journal)->seq, 0);
        check_recovery(fixture);
        failures++;
    }
}

static void test_each_write_fails_once(void **state)
{
    assert_in_range(fail_each(state, false), 3, 1000);
}

static void test_each_sync_fails_once(void **state)
{
    assert_in_range(fail_each(state, true), 1, 10);
}

/* Trims, appends and checkpoints until the power goes. Returns the base that was acknowledged. */
static uint64_t trim_until_dark(struct journal_fixture *fixture)
{
    struct journal_trimmed slice;

    if (journal_trim(fixture->journal, THROUGH, &slice))
        return 0;
    int r = journal_checkpoint(fixture->reader);
    assert_true(r == 0 || fault_vfs_fired());
    return 400;
}

static void test_power_cut_at_each_step(void **state)
{
    for (uint64_t n = 1;; n++) {
        begin_anew(state);
        struct journal_fixture *fixture = *state;
        fault_vfs_plan((struct fault_plan){.cut = n});
        uint64_t acknowledged = trim_until_dark(fixture);
        bool fired = fault_vfs_fired();
        close_all(fixture);
        fault_vfs_lose_unsynced(n, n % 4 == 0);
        fault_vfs_plan((struct fault_plan){0});
        journal_fixture_reopen(fixture);
        check_whole(fixture, acknowledged);
        assert_int_equal(journal_fixture_append(fixture->journal, 200), 0);
        if (!fired)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_write_fails_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_sync_fails_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_power_cut_at_each_step, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
