/* SPDX-License-Identifier: MPL-2.0 */
/* The journal on a disk that fails: whatever fails and whenever, an append is taken whole or not at
 * all, and what was acknowledged is never lost. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/fault_vfs.h"
#include "tests/unit/journal_fixture.h"

#define BEFORE 300
#define BATCH 200

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

static void append(struct journal_fixture *fixture, size_t count)
{
    assert_int_equal(journal_fixture_append(fixture->journal, count), 0);
}

static uint64_t head(const struct journal_fixture *fixture)
{
    return journal_head(fixture->journal)->seq;
}

static void close_all(struct journal_fixture *fixture)
{
    journal_reader_close(&fixture->reader);
    journal_close(&fixture->journal);
}

/* A new journal of BEFORE events in place of the old one. */
static void begin_anew(void **state)
{
    fault_vfs_plan((struct fault_plan){0});
    assert_int_equal(teardown(state), 0);
    assert_int_equal(setup(state), 0);
    append(*state, BEFORE);
}

/* After a failed append: recovers, goes on, and loses what is not on the disk. */
static void check_recovery(struct journal_fixture *fixture)
{
    assert_int_equal(journal_fixture_append(fixture->journal, 1), -EIO);
    fault_vfs_plan((struct fault_plan){0});
    assert_int_equal(journal_recover(fixture->journal), 0);
    uint64_t recovered = head(fixture);
    if (recovered != BEFORE && recovered != BEFORE + BATCH)
        fail_msg("recovered at %u", (unsigned)recovered);
    close_all(fixture);
    fault_vfs_lose_unsynced(0, true);
    journal_fixture_reopen(fixture);
    assert_int_equal(head(fixture), recovered);
    journal_fixture_check(fixture->reader, 1, recovered);
    append(fixture, BATCH);
    journal_fixture_check(fixture->reader, 1, recovered + BATCH);
}

/* Fails the n-th write, or sync, for every n until the append no longer meets it. Returns how many
 * appends failed. */
static unsigned fail_each(void **state, bool sync, bool with_reader)
{
    unsigned failures = 0;

    for (uint64_t n = 1;; n++) {
        begin_anew(state);
        struct journal_fixture *fixture = *state;
        if (!with_reader)
            journal_reader_close(&fixture->reader);
        fault_vfs_plan((struct fault_plan){.write = sync ? 0 : n, .sync = sync ? n : 0});
        int r = journal_fixture_append(fixture->journal, BATCH);
        if (!fault_vfs_fired()) {
            assert_int_equal(r, 0);
            return failures;
        }
        assert_int_equal(r, -EIO);
        check_recovery(fixture);
        failures++;
    }
}

static void test_each_write_fails_once(void **state)
{
    assert_in_range(fail_each(state, false, true), 10, 1000);
    assert_in_range(fail_each(state, false, false), 10, 1000);
}

static void test_each_sync_fails_once(void **state)
{
    assert_in_range(fail_each(state, true, true), 1, 10);
    assert_in_range(fail_each(state, true, false), 1, 10);
}

/* A failed append, and then a journal that is closed and opened instead of recovered. */
static void test_reopening_is_a_recovery_too(void **state)
{
    begin_anew(state);
    struct journal_fixture *fixture = *state;
    fault_vfs_plan((struct fault_plan){.write = 20});
    assert_int_equal(journal_fixture_append(fixture->journal, BATCH), -EIO);
    journal_fixture_reopen(fixture);
    assert_int_equal(head(fixture), BEFORE);
    append(fixture, BATCH);
    journal_fixture_check(fixture->reader, 1, BEFORE + BATCH);
}

static void test_does_not_recover_before_the_disk_does(void **state)
{
    begin_anew(state);
    struct journal_fixture *fixture = *state;
    fault_vfs_plan((struct fault_plan){.sync = 1, .lasting = true});
    assert_int_equal(journal_fixture_append(fixture->journal, BATCH), -EIO);
    for (int i = 0; i < 5; i++)
        assert_int_equal(journal_recover(fixture->journal), -EIO);
    journal_fixture_check(fixture->reader, 1, BEFORE);
    check_recovery(fixture);
}

static void test_full_disk(void **state)
{
    for (int64_t room = 0;; room += 5000) {
        begin_anew(state);
        struct journal_fixture *fixture = *state;
        fault_vfs_plan((struct fault_plan){.has_room = true, .room = room});
        int r = journal_fixture_append(fixture->journal, BATCH);
        if (!fault_vfs_fired()) {
            assert_int_equal(r, 0);
            assert_in_range(room, 50000, 500000);
            return;
        }
        assert_int_equal(r, -ENOSPC);
        journal_fixture_check(fixture->reader, 1, BEFORE);
        check_recovery(fixture);
    }
}

/* Appends and checkpoints until the power goes. Returns the last seq that was acknowledged. */
static uint64_t append_until_dark(struct journal_fixture *fixture)
{
    uint64_t acknowledged = head(fixture);

    for (int i = 0; i < 8 && !fault_vfs_fired(); i++) {
        if (journal_fixture_append(fixture->journal, 1 + (size_t)i * 20) == 0)
            acknowledged = head(fixture);
        int r = i % 3 == 2 ? journal_checkpoint(fixture->reader) : 0;
        assert_true(r == 0 || fault_vfs_fired());
    }
    return acknowledged;
}

static void test_power_cut_at_each_step(void **state)
{
    for (uint64_t n = 1;; n++) {
        begin_anew(state);
        struct journal_fixture *fixture = *state;
        fault_vfs_plan((struct fault_plan){.cut = n});
        uint64_t acknowledged = append_until_dark(fixture);
        bool fired = fault_vfs_fired();
        close_all(fixture);
        fault_vfs_lose_unsynced(n, n % 4 == 0);
        fault_vfs_plan((struct fault_plan){0});
        journal_fixture_reopen(fixture);
        if (head(fixture) < acknowledged)
            fail_msg("cut at %u: %u of %u", (unsigned)n, (unsigned)head(fixture),
                     (unsigned)acknowledged);
        journal_fixture_check(fixture->reader, 1, head(fixture));
        append(fixture, BATCH);
        if (!fired)
            return;
    }
}

/* What an opened journal shows stays, even if it was not synced by whoever wrote it: here a process
 * that ended between its write and its sync. */
static void test_what_is_seen_after_opening_is_durable(void **state)
{
    begin_anew(state);
    struct journal_fixture *fixture = *state;
    struct rentbus_fault fault;
    fault_vfs_plan((struct fault_plan){.asleep = true});
    append(fixture, BATCH);
    journal_close(&fixture->journal);
    fault_vfs_plan((struct fault_plan){0});
    assert_int_equal(
        journal_open(fixture->journal_path, JOURNAL_FIXTURE_LEDGER, &fixture->journal, &fault), 0);
    assert_int_equal(head(fixture), BEFORE + BATCH);
    fault_vfs_plan((struct fault_plan){.cut = 1});
    assert_int_equal(journal_fixture_append(fixture->journal, 1), -EIO);
    close_all(fixture);
    fault_vfs_lose_unsynced(0, true);
    fault_vfs_plan((struct fault_plan){0});
    journal_fixture_reopen(fixture);
    assert_int_equal(head(fixture), BEFORE + BATCH);
    journal_fixture_check(fixture->reader, 1, BEFORE + BATCH);
}

/* Small appends, between which the log is lengthened, until one fails or the last is done. Returns
 * the last seq that was acknowledged. */
static uint64_t append_small(struct journal_fixture *fixture, int error)
{
    for (int i = 0; i < 20; i++) {
        int r = journal_fixture_append(fixture->journal, 2);
        assert_true(r == 0 || (r == error && fault_vfs_fired()));
        if (r)
            return head(fixture);
    }
    if (!fault_vfs_fired())
        assert_true(journal_fixture_file_size(fixture->journal_path, "-wal") > 1 << 20);
    return head(fixture);
}

/* After some small appends, of which the last may have failed. */
static void check_small(struct journal_fixture *fixture, uint64_t acknowledged)
{
    fault_vfs_plan((struct fault_plan){0});
    assert_int_equal(journal_recover(fixture->journal), 0);
    assert_in_range(head(fixture), acknowledged, acknowledged + 2);
    append(fixture, 2);
    uint64_t last = head(fixture);
    close_all(fixture);
    fault_vfs_lose_unsynced(0, true);
    journal_fixture_reopen(fixture);
    assert_int_equal(head(fixture), last);
    journal_fixture_check(fixture->reader, 1, last);
}

static void test_each_write_of_small_appends_fails_once(void **state)
{
    bool fired = true;

    for (uint64_t n = 1; fired; n++) {
        begin_anew(state);
        fault_vfs_plan((struct fault_plan){.write = n});
        uint64_t acknowledged = append_small(*state, -EIO);
        fired = fault_vfs_fired();
        check_small(*state, acknowledged);
    }
}

static void test_disk_fills_up_with_small_appends(void **state)
{
    bool fired = true;

    for (int64_t room = 0; fired; room += 50000) {
        begin_anew(state);
        fault_vfs_plan((struct fault_plan){.has_room = true, .room = room});
        uint64_t acknowledged = append_small(*state, -ENOSPC);
        fired = fault_vfs_fired();
        check_small(*state, acknowledged);
    }
}

/* A journal of the old format, and a disk that fails while it is opened: it opens later. */
static void test_old_format_outlives_each_failure(void **state)
{
    struct rentbus_fault fault;

    for (uint64_t n = 1;; n++) {
        begin_anew(state);
        struct journal_fixture *fixture = *state;
        close_all(fixture);
        journal_fixture_make_old(fixture);
        fault_vfs_plan((struct fault_plan){.cut = n});
        int r =
            journal_open(fixture->journal_path, JOURNAL_FIXTURE_LEDGER, &fixture->journal, &fault);
        bool fired = fault_vfs_fired();
        assert_true(r == 0 || (r < 0 && fired));
        journal_close(&fixture->journal);
        fault_vfs_lose_unsynced(n, n % 2 == 0);
        fault_vfs_plan((struct fault_plan){0});
        journal_fixture_reopen(fixture);
        assert_int_equal(head(fixture), BEFORE);
        append(fixture, BATCH);
        journal_fixture_check(fixture->reader, 1, BEFORE + BATCH);
        if (!fired)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_write_fails_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_sync_fails_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reopening_is_a_recovery_too, setup, teardown),
        cmocka_unit_test_setup_teardown(test_does_not_recover_before_the_disk_does, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_power_cut_at_each_step, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_seen_after_opening_is_durable, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_each_write_of_small_appends_fails_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_disk_fills_up_with_small_appends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_format_outlives_each_failure, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
