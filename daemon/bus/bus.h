/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Durable consumers. What is to last of them (that they are, what they want, what is parked) is
 * events in the journal, and comes here by bus_apply(); how far they are is in a file beside it
 * (cursors.h). Delivery is at least once: what was done in the last moments before a crash may be
 * handed out again, in order all the same.
 *
 * One thread owns a bus. Times are microseconds since 1970, and given.
 */
#ifndef RENTBUS_BUS_BUS_H
#define RENTBUS_BUS_BUS_H

#include "daemon/journal/journal.h"
#include "daemon/ledger/decide.h"

/* Events that one fetch hands out at most, and bytes of them, and how long it may wait. */
#define BUS_CREDIT_MAX 1000
#define BUS_FETCH_BYTES_MAX ((size_t)4 << 20)
#define BUS_WAIT_MAX_MS 60000
/* Leases, delays and backoffs of a day at most. */
#define BUS_DELAY_MAX_MS UINT64_C(86400000)
#define BUS_ATTEMPTS_MAX 1000
/* When one worker too many may ask again. */
#define BUS_CROWD_RETRY_MS 1000
#define BUS_CONSUMERS_MAX 10000
/* The type of what says to subscribers that there is nothing to say: it is no event. */
#define BUS_HEARTBEAT_TYPE "HEARTBEAT"
/* What consumer.put has where nothing is said. */
#define BUS_LEASE_DEFAULT_MS 30000
#define BUS_BACKOFF_DEFAULT_MS 1000
#define BUS_BACKOFF_MAX_DEFAULT_MS 300000
#define BUS_ATTEMPTS_DEFAULT 8
/* A consumer that has work, and was not asked for it for so long, is stalled. */
#define BUS_STALL_AFTER INT64_C(60000000)

struct bus;

struct bus_settings {
    const char *path;               /* of the file of cursors */
    const char *name;               /* of the ledger */
    int64_t stall_after;            /* 0: BUS_STALL_AFTER */
    struct journal_reader *journal; /* borrowed, as is the ledger */
    const struct ledger *ledger;
    void *context;
    /* Records an event of the bus's own, which comes back by bus_apply() when it is durable, or is
     * taken back by bus_fall_back(). 0, or a negative errno with nothing recorded. */
    int (*record)(void *context, const struct ledger_event *event, uint64_t hops, int64_t now);
    /* The answer to a fetch that waited: deliveries (rentbus_delivery_schema), or `fault`. False
     * when it is known that it does not arrive: then nothing was handed out. */
    bool (*answer)(void *context, struct rentbus_bytes route, struct rentbus_uuid request,
                   const struct rentbus_list *deliveries, const struct rentbus_fault *fault);
    void (*log)(void *context, int priority, const char *pairs);
};

int bus_open(const struct bus_settings *settings, struct bus **bus)
    __attribute__((warn_unused_result));
/* Saves the cursors. Those who wait get no answer. NULL-safe. */
void bus_close(struct bus **bus);

/* Takes a durable event, in the order of the journal: those of a start that is made good, and then
 * each that is committed. 0, or a negative errno: it has missed the event, and is broken. */
int bus_apply(struct bus *bus, uint64_t seq, enum rentbus_event_type type,
              struct rentbus_bytes bytes) __attribute__((warn_unused_result));
/* How the bus stands behind the last event that it was given, appended to `out`. 0, -ENOMEM, or
 * what broke it. */
int bus_snapshot(const struct bus *bus, struct rentbus_buffer *out)
    __attribute__((warn_unused_result));
/* The last event that it was given. */
uint64_t bus_head(const struct bus *bus);
/* Before any bus_apply(): goes on from what bus_snapshot() gave behind the event `seq`, or from
 * what the file of cursors knows of later. 0; -EBADMSG when the bytes are no such thing, or
 * -ENOMEM: close the bus then. */
int bus_restore(struct bus *bus, uint64_t seq, struct rentbus_bytes bytes)
    __attribute__((warn_unused_result));
/* What broke it, a negative errno; 0: nothing has. A broken bus takes and does nothing more, and
 * saves nothing: it is to be opened anew, and makes good what it has missed. */
int bus_broken(const struct bus *bus);
/* The journal has been replayed. */
int bus_start(struct bus *bus) __attribute__((warn_unused_result));
/* What was recorded and is not durable was taken back. */
void bus_fall_back(struct bus *bus);
/* The commands behind the event `seq` were taken back. */
void bus_rollback(struct bus *bus, uint64_t seq);

/* Hands out, ends leases, saves: after each round of requests, and when bus_timer() has come. */
void bus_process(struct bus *bus, int64_t now);
int64_t bus_timer(const struct bus *bus);

/* Whether the operation is a command that bus_decide() decides. */
bool bus_decides(enum rentbus_op op);
/* As ledger_decide(). BUS_AGAIN: something about the consumer is not durable yet: try again when it
 * is. The texts of the decision are good until the next call of any function of the bus. */
#define BUS_AGAIN 10001
int bus_decide(struct bus *bus, const struct ledger_command *command,
               const struct ledger_context *context, struct ledger_decision *decision,
               struct rentbus_fault *fault) __attribute__((warn_unused_result));
/* The event that the last BUS_AGAIN waits for. */
uint64_t bus_awaited(const struct bus *bus);
/* The events are recorded, and will be durable with `seq`. */
void bus_recorded(struct bus *bus, const struct ledger_decision *decision, uint64_t seq);

/* Whether only rentbus itself may record events of that type. */
bool bus_type_reserved(struct rentbus_text type);

/* Who asks, and how the answer finds it. */
struct bus_request {
    struct rentbus_bytes route;
    struct rentbus_uuid id;
    int64_t now;
};
/* 0 with *deliveries, good until the next call; BUS_LATER: settings.answer() will be called; an
 * error code with *fault; or a negative errno. A request that was answered gets the same answer
 * again, less what is done since. */
#define BUS_LATER 10002
int bus_fetch(struct bus *bus, const struct rentbus_fetch_args *args,
              const struct bus_request *request, struct rentbus_list *deliveries,
              struct rentbus_fault *fault) __attribute__((warn_unused_result));
/* An error code with *fault, and nothing was acknowledged; or 0 with how many were. */
int bus_ack(struct bus *bus, const struct rentbus_ack_args *args, int64_t now, uint64_t *acked,
            struct rentbus_fault *fault) __attribute__((warn_unused_result));
/* The same for one event whose handler publishes: 0 with *hops and *cause for what is to be
 * recorded, and the event is still in hand. When there would be too many hops it is parked, and the
 * answer is CONFLICT. BUS_AGAIN: as bus_decide(). */
int bus_ack_publish(struct bus *bus, const struct rentbus_ack_args *args, int64_t now,
                    uint64_t *hops, uint64_t *cause, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* What the handler of the event `cause` published is recorded: the event is nobody's until that is
 * durable, and then done. */
void bus_ack_recorded(struct bus *bus, struct rentbus_text id, uint64_t cause);
/* Failed; or with `untried` given back, as if it had not been handed out.
 * result->parked: it is, as soon as all that is recorded is durable. */
int bus_nack(struct bus *bus, const struct rentbus_nack_args *args, int64_t now,
             struct rentbus_nack_result *result, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
int bus_extend(struct bus *bus, const struct rentbus_extend_args *args, int64_t now, int64_t *until,
               struct rentbus_fault *fault) __attribute__((warn_unused_result));
/* How many steps from event to handler lie behind the event: 0, NOT_FOUND or TRIMMED with *fault,
 * or -errno. */
int bus_hops(struct bus *bus, uint64_t seq, uint64_t *hops, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* ---- what is to be seen ---- */

/* Texts are borrowed until the next change. False when there is no such consumer. */
bool bus_status(struct bus *bus, struct rentbus_text id, struct rentbus_consumer_status *status);
typedef bool bus_visitor(void *context, uint64_t created,
                         const struct rentbus_consumer_status *status);
/* In the order in which they were created, behind the one that the event `after` created. */
void bus_list(struct bus *bus, uint64_t after, bus_visitor *visit, void *context);
/* The same for those that are furthest behind, which come first; at most BUS_BEHIND_MAX. */
#define BUS_BEHIND_MAX 100
void bus_list_behind(struct bus *bus, bus_visitor *visit, void *context);
struct bus_counts {
    uint64_t consumers;
    uint64_t stalled;
    uint64_t parked;
};
struct bus_counts bus_counts(const struct bus *bus);
/* Sees the seqs of the parked events of a consumer behind `after`, and of what parked them. False
 * when there is no such consumer. */
typedef bool bus_parked_visitor(void *context, uint64_t seq, uint64_t parked_seq);
bool bus_parked(const struct bus *bus, struct rentbus_text id, uint64_t after,
                bus_parked_visitor *visit, void *context);

#endif
