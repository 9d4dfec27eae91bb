/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A bus over a journal of its own, and the little of an engine that it needs: events are recorded,
 * and become durable, or are taken back, when the test says so. Time is what the test makes it.
 */
#ifndef RENTBUS_TESTS_BUS_FIXTURE_H
#define RENTBUS_TESTS_BUS_FIXTURE_H

#include "daemon/bus/bus.h"
#include "daemon/engine/chain.h"
#include "tests/unit/bus_snapshots.h"

#define BUS_FIXTURE_LEDGER "test"
#define BUS_FIXTURE_START INT64_C(1739188800000000)
#define BUS_FIXTURE_PENDING_MAX 256
#define BUS_FIXTURE_DELIVERIES_MAX 1000
#define BUS_SECOND INT64_C(1000000)

struct bus_fixture_delivery {
    uint64_t seq;
    uint64_t lease;
    uint64_t attempt;
    char type[64];
};

/* The answer to a fetch, at once or late. */
struct bus_fixture_answer {
    struct rentbus_uuid request;
    uint8_t route;
    enum rentbus_error_code code; /* 0: none */
    size_t count;
    size_t bytes;
    struct bus_fixture_delivery deliveries[BUS_FIXTURE_DELIVERIES_MAX];
};

struct bus_fixture {
    char directory[64];
    char journal_path[96];
    char cursors_path[96];
    struct journal *journal;
    struct journal_reader *reader;
    struct ledger *ledger;
    struct chain chain;
    struct bus *bus;
    struct bus_snapshots *snapshots; /* NULL: restarts replay the journal from its first event */
    int64_t now;
    struct rentbus_buffer bytes; /* of events that are not durable */
    struct journal_entry entries[BUS_FIXTURE_PENDING_MAX];
    enum rentbus_event_type types[BUS_FIXTURE_PENDING_MAX];
    size_t pending;
    bool refusing;  /* nothing can be recorded */
    bool gone;      /* who waits, and gets no answer */
    size_t answers; /* that came late */
    size_t logged;
    unsigned requests;
    struct bus_fixture_answer last;
    struct rentbus_fault fault; /* of the last that was refused */
};

/* How a daemon ends. */
enum bus_fixture_end {
    BUS_FIXTURE_STOPPED, /* as it should */
    BUS_FIXTURE_KILLED,  /* at once: what was not saved by bus_fixture_save() is lost */
    BUS_FIXTURE_LOST,    /* the file of cursors is lost */
    BUS_FIXTURE_DAMAGED, /* it is no database any more */
    BUS_FIXTURE_CLOSED,  /* as it should, and it stays so */
    BUS_FIXTURE_GONE,    /* it stays so, and the file of cursors is lost */
};

/* For cmocka. */
int bus_fixture_setup(void **state);
/* The same, and every start is from a snapshot: bus_snapshots.h. */
int bus_fixture_setup_snapshots(void **state);
int bus_fixture_teardown(void **state);
void bus_fixture_restart(struct bus_fixture *fixture, enum bus_fixture_end how);
/* Opens what was BUS_FIXTURE_CLOSED, or BUS_FIXTURE_GONE. */
void bus_fixture_open(struct bus_fixture *fixture);
/* Opens it from the snapshot of that seq, with no event behind it yet. As bus_restore(). */
int bus_fixture_restore(struct bus_fixture *fixture, uint64_t seq, struct rentbus_bytes bytes);
/* Opens it from the snapshot of that seq (no bytes: from nothing), with nothing processed. */
struct bus *bus_fixture_begin(struct bus_fixture *fixture, uint64_t seq,
                              struct rentbus_bytes bytes);
/* Lets the bus save everything, and keeps the file for BUS_FIXTURE_KILLED. */
void bus_fixture_save(struct bus_fixture *fixture);
/* Copies a file; where there is none, there is none afterwards. */
void bus_fixture_copy(const char *from, const char *to);
void bus_fixture_sleep(struct bus_fixture *fixture, int64_t microseconds);

/* ---- what is recorded ---- */

/* Records an event with data {"user_id": user}; `type` is not one of rentbus itself. Its seq. */
uint64_t bus_fixture_record(struct bus_fixture *fixture, const char *type, const char *subject,
                            const char *user);
/* What was recorded becomes durable, and the bus looks at it. */
void bus_fixture_commit(struct bus_fixture *fixture);
/* What was recorded is taken back. */
void bus_fixture_fall_back(struct bus_fixture *fixture);
/* Both, of an event with the subject that is its own user. */
uint64_t bus_fixture_publish(struct bus_fixture *fixture, const char *type, const char *subject);
size_t bus_fixture_count(struct bus_fixture *fixture, enum rentbus_event_type type);

/* ---- commands ---- */

/* Decides, and records what was decided, without a commit. As bus_decide(). */
int bus_fixture_decide(struct bus_fixture *fixture, const struct ledger_command *command);
/* The same, which must be accepted, and a commit. The type of the event. */
enum rentbus_event_type bus_fixture_command(struct bus_fixture *fixture,
                                            const struct ledger_command *command);
/* A consumer of one type (NULL: all) from the start, with leases of 10 s, backoffs of 1 s and so
 * many attempts. */
struct ledger_command bus_fixture_put(const char *id, const char *type, uint64_t attempts);
/* One of the commands that have nothing but an id. */
struct ledger_command bus_fixture_about(enum rentbus_op op, const char *id);
struct ledger_command bus_fixture_reset(const char *id, uint64_t from_seq);
struct ledger_command bus_fixture_skip(const char *id, uint64_t seq);
struct ledger_command bus_fixture_all_parked(enum rentbus_op op, const char *id);

/* ---- workers ---- */

/* An incarnation of a worker; greater is newer. */
struct rentbus_uuid bus_fixture_incarnation(unsigned number);
/* Fetches as worker `name`, incarnation 1, without waiting: how many, which are in `last`. */
size_t bus_fixture_fetch(struct bus_fixture *fixture, const char *id, const char *name,
                         uint64_t credit);
/* bus_fetch() as it is, with a request of that number. */
int bus_fixture_ask(struct bus_fixture *fixture, const char *id, const char *name,
                    unsigned incarnation, uint64_t credit, uint64_t wait_ms, unsigned request);
int bus_fixture_ack(struct bus_fixture *fixture, const char *id, const char *name,
                    const struct bus_fixture_delivery *delivery);
/* `delay_ms` UINT64_MAX: the backoff. */
int bus_fixture_nack(struct bus_fixture *fixture, const char *id, const char *name,
                     const struct bus_fixture_delivery *delivery, uint64_t delay_ms, bool fatal,
                     struct rentbus_nack_result *result);
/* Acknowledges with an event of `type`, recorded and not durable. */
int bus_fixture_ack_publish(struct bus_fixture *fixture, const char *id, const char *name,
                            const struct bus_fixture_delivery *delivery, const char *type);
/* Takes everything that is there as worker `name`, and acknowledges it. How many. */
size_t bus_fixture_work(struct bus_fixture *fixture, const char *id, const char *name);
struct rentbus_consumer_status bus_fixture_status(struct bus_fixture *fixture, const char *id);

#endif
