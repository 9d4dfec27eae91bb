/* SPDX-License-Identifier: MPL-2.0 */
/* A process that appends is killed in the midst of it: what it said was appended is there. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/journal_fixture.h"

#define ROUNDS 12

/* Appends for ever, and writes the head to `fd` after each append. */
static _Noreturn void append_for_ever(const char *path, int fd, uint64_t random)
{
    struct journal_fixture fixture = {.random = random};
    struct rentbus_fault fault;

    if (journal_open(path, JOURNAL_FIXTURE_LEDGER, &fixture.journal, &fault))
        _exit(1);
    for (;;) {
        if (journal_fixture_append(fixture.journal, 1 + journal_fixture_random(&fixture, 400)))
            _exit(2);
        uint64_t seq = journal_head(fixture.journal)->seq;
        if (write(fd, &seq, sizeof(seq)) != sizeof(seq))
            _exit(3);
    }
}

/* Reads `count` acknowledgements, kills, and returns the last one that was given. */
static uint64_t kill_after(pid_t child, int fd, uint64_t count)
{
    uint64_t acknowledged = 0;
    int status = 0;

    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(read(fd, &acknowledged, sizeof(acknowledged)), sizeof(acknowledged));
    kill(child, SIGKILL);
    while (read(fd, &acknowledged, sizeof(acknowledged)) == sizeof(acknowledged))
        continue;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return acknowledged;
}

static void test_what_was_acknowledged_survives(void **state)
{
    struct journal_fixture *fixture = *state;

    for (int round = 0; round < ROUNDS; round++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        journal_reader_close(&fixture->reader);
        journal_close(&fixture->journal);
        uint64_t random = fixture->random;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(pipes[0]);
            append_for_ever(fixture->journal_path, pipes[1], random);
        }
        close(pipes[1]);
        uint64_t count = 1 + journal_fixture_random(fixture, 30);
        uint64_t acknowledged = kill_after(child, pipes[0], count);
        close(pipes[0]);
        journal_fixture_reopen(fixture);
        uint64_t head = journal_head(fixture->journal)->seq;
        assert_in_range(head, acknowledged, acknowledged + 400);
        journal_fixture_check(fixture->reader, 1, head);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_acknowledged_survives, journal_fixture_setup,
                                        journal_fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
