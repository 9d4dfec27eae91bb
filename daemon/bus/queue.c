/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/bus/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/bus/heap.h"
#include "daemon/bus/map.h"

#define SLOTS_MIN 16
#define NONE MAP_NONE

enum state {
    STATE_FREE,
    STATE_WAITING, /* behind another event of its subject */
    STATE_READY,   /* in the heap `ready`, by seq */
    STATE_LEASED,  /* in the heap `timers`, by the end of the lease */
    STATE_DELAYED, /* in the heap `timers`, by its next attempt */
    STATE_HELD,
    STATE_DONE, /* stays until everything before it is done */
};

struct slot {
    uint64_t seq;
    uint64_t subject;
    int64_t due;
    struct queue_failure *failures;
    uint32_t next; /* of its subject; of the free ones */
    uint32_t lease;
    uint32_t worker;
    uint32_t attempts; /* takings so far */
    uint8_t state;
    bool ordered; /* in `order`: not done again */
};

struct queue {
    uint64_t seen;
    uint32_t leases; /* given out so far */
    struct slot *slots;
    uint32_t *places; /* in the heap that the slot's state names */
    size_t capacity;  /* of slots */
    size_t used;      /* slots that were ever used */
    uint32_t free;    /* slots to use again */
    uint32_t *order;  /* ring of slots in the order of seqs; as large as `capacity` */
    size_t first;
    size_t length;
    size_t leased;
    size_t delayed;
    size_t undone;
    struct map seqs;
    struct map tails; /* the last slot of each subject */
    struct heap ready;
    struct heap timers;
};

struct queue *queue_create(uint64_t cursor)
{
    struct queue *queue = calloc(1, sizeof(*queue));

    if (queue) {
        queue->seen = cursor;
        queue->free = NONE;
    }
    return queue;
}

static void failures_free(struct slot *slot)
{
    while (slot->failures) {
        struct queue_failure *next = slot->failures->next;
        free(slot->failures);
        slot->failures = next;
    }
}

void queue_destroy(struct queue **queue)
{
    struct queue *old = *queue;

    if (!old)
        return;
    for (size_t i = 0; i < old->used; i++)
        failures_free(&old->slots[i]);
    map_release(&old->seqs);
    map_release(&old->tails);
    heap_release(&old->ready);
    heap_release(&old->timers);
    free(old->slots);
    free(old->places);
    free(old->order);
    free(old);
    *queue = NULL;
}

uint64_t queue_seen(const struct queue *queue)
{
    return queue->seen;
}

bool queue_full(const struct queue *queue)
{
    return queue->seqs.count >= QUEUE_WINDOW_MAX;
}

/* ---- slots ---- */

static int resize(void **array, size_t count, size_t size)
{
    void *grown = realloc(*array, count * size);

    if (!grown)
        return -ENOMEM;
    *array = grown;
    return 0;
}

/* The ring is laid out anew from its first slot on. */
static int grow_order(struct queue *queue, size_t capacity)
{
    uint32_t *order = malloc(capacity * sizeof(*order));

    if (!order)
        return -ENOMEM;
    for (size_t i = 0; i < queue->length; i++)
        order[i] = queue->order[(queue->first + i) % queue->capacity];
    free(queue->order);
    queue->order = order;
    queue->first = 0;
    return 0;
}

/* Room for one more slot, everywhere: nothing that follows can fail. `capacity` is set last, so
 * that a failure in between leaves arrays that are larger than they need to be, and true. */
static int reserve(struct queue *queue)
{
    size_t count = queue->seqs.count + 1;
    size_t capacity = queue->capacity ? 2 * queue->capacity : SLOTS_MIN;
    int r = map_reserve(&queue->seqs, count);

    if (r == 0)
        r = map_reserve(&queue->tails, count);
    if (r == 0)
        r = heap_reserve(&queue->ready, count);
    if (r == 0)
        r = heap_reserve(&queue->timers, count);
    if (r || queue->free != NONE || queue->used < queue->capacity)
        return r;
    r = resize((void **)&queue->slots, capacity, sizeof(*queue->slots));
    if (r == 0)
        r = resize((void **)&queue->places, capacity, sizeof(*queue->places));
    if (r == 0)
        r = grow_order(queue, capacity);
    if (r == 0)
        queue->capacity = capacity;
    return r;
}

static uint32_t slot_take(struct queue *queue)
{
    uint32_t slot = queue->free;

    if (slot == NONE)
        return (uint32_t)queue->used++;
    queue->free = queue->slots[slot].next;
    return slot;
}

static void slot_give(struct queue *queue, uint32_t index)
{
    struct slot *slot = &queue->slots[index];

    map_remove(&queue->seqs, slot->seq);
    slot->state = STATE_FREE;
    slot->next = queue->free;
    queue->free = index;
}

static struct slot *find(const struct queue *queue, uint64_t seq)
{
    uint32_t index = map_get(&queue->seqs, seq);

    return index == NONE ? NULL : &queue->slots[index];
}

/* ---- states ---- */

static struct heap *heap_of(struct queue *queue, enum state state)
{
    if (state == STATE_READY)
        return &queue->ready;
    return state == STATE_LEASED || state == STATE_DELAYED ? &queue->timers : NULL;
}

static void set_state(struct queue *queue, struct slot *slot, enum state state)
{
    uint32_t index = (uint32_t)(slot - queue->slots);
    struct heap *from = heap_of(queue, slot->state);
    struct heap *to = heap_of(queue, state);

    if (from)
        heap_remove(from, queue->places, index);
    queue->leased += (size_t)(state == STATE_LEASED) - (size_t)(slot->state == STATE_LEASED);
    queue->delayed += (size_t)(state == STATE_DELAYED) - (size_t)(slot->state == STATE_DELAYED);
    slot->state = (uint8_t)state;
    if (to)
        heap_add(to, queue->places, state == STATE_READY ? (int64_t)slot->seq : slot->due, index);
}

/* ---- what comes in ---- */

/* Behind the others of its subject, or ready when there are none. */
static void enqueue(struct queue *queue, uint32_t index)
{
    struct slot *slot = &queue->slots[index];
    uint32_t tail = map_get(&queue->tails, slot->subject);

    map_put(&queue->tails, slot->subject, index);
    if (tail == NONE) {
        set_state(queue, slot, STATE_READY);
        return;
    }
    queue->slots[tail].next = index;
    set_state(queue, slot, STATE_WAITING);
}

static int add(struct queue *queue, uint64_t seq, uint64_t subject, uint32_t attempts, bool ordered)
{
    int r = reserve(queue);

    if (r)
        return r;
    uint32_t index = slot_take(queue);
    queue->slots[index] = (struct slot){
        .seq = seq,
        .subject = subject,
        .next = NONE,
        .attempts = attempts,
        .ordered = ordered,
    };
    map_put(&queue->seqs, seq, index);
    if (ordered)
        queue->order[(queue->first + queue->length++) % queue->capacity] = index;
    queue->undone++;
    enqueue(queue, index);
    return 0;
}

int queue_offer(struct queue *queue, uint64_t seq, uint64_t subject, uint32_t attempts)
{
    int r = add(queue, seq, subject, attempts, true);

    if (r == 0)
        queue->seen = seq;
    return r;
}

void queue_pass(struct queue *queue, uint64_t seq)
{
    if (seq > queue->seen)
        queue->seen = seq;
}

int queue_again(struct queue *queue, uint64_t seq, uint64_t subject)
{
    return find(queue, seq) ? 0 : add(queue, seq, subject, 0, false);
}

/* ---- what goes out ---- */

size_t queue_ready(const struct queue *queue)
{
    return queue->ready.count;
}

static void describe(const struct slot *slot, struct queue_delivery *delivery)
{
    *delivery = (struct queue_delivery){slot->seq, slot->lease, slot->worker, slot->attempts};
}

bool queue_take(struct queue *queue, uint32_t worker, int64_t due, struct queue_delivery *delivery)
{
    if (queue->ready.count == 0)
        return false;
    struct slot *slot = &queue->slots[queue->ready.entries[0].slot];
    slot->worker = worker;
    queue->leases += queue->leases == UINT32_MAX ? 2 : 1; /* 0 is none */
    slot->lease = queue->leases;
    slot->due = due;
    slot->attempts++;
    set_state(queue, slot, STATE_LEASED);
    describe(slot, delivery);
    return true;
}

enum queue_verdict queue_check(const struct queue *queue, uint32_t worker, uint64_t seq,
                               uint32_t lease, struct queue_delivery *delivery)
{
    const struct slot *slot = find(queue, seq);

    if (!slot || slot->state == STATE_DONE || slot->lease == 0)
        return QUEUE_UNKNOWN;
    if (slot->state == STATE_LEASED && slot->lease == lease) {
        describe(slot, delivery);
        return slot->worker == worker ? QUEUE_DONE : QUEUE_FOREIGN;
    }
    if (slot->state == STATE_LEASED && slot->worker != worker)
        return QUEUE_FOREIGN;
    return QUEUE_EXPIRED;
}

/* Forgets the events at the front that are done. */
static void advance(struct queue *queue)
{
    while (queue->length > 0) {
        uint32_t index = queue->order[queue->first];
        if (queue->slots[index].state != STATE_DONE)
            return;
        slot_give(queue, index);
        queue->first = (queue->first + 1) % queue->capacity;
        queue->length--;
    }
}

void queue_finish(struct queue *queue, uint64_t seq)
{
    struct slot *slot = find(queue, seq);

    if (!slot || slot->state == STATE_DONE)
        return;
    uint32_t next = slot->next;
    set_state(queue, slot, STATE_DONE);
    failures_free(slot);
    queue->undone--;
    if (next == NONE)
        map_remove(&queue->tails, slot->subject);
    else
        set_state(queue, &queue->slots[next], STATE_READY);
    if (slot->ordered)
        advance(queue);
    else
        slot_give(queue, (uint32_t)(slot - queue->slots));
}

enum queue_verdict queue_ack(struct queue *queue, uint32_t worker, uint64_t seq, uint32_t lease)
{
    struct queue_delivery delivery;
    enum queue_verdict verdict = queue_check(queue, worker, seq, lease, &delivery);

    if (verdict == QUEUE_DONE)
        queue_finish(queue, seq);
    return verdict;
}

enum queue_verdict queue_extend(struct queue *queue, uint32_t worker, uint64_t seq, uint32_t lease,
                                int64_t due)
{
    struct queue_delivery delivery;
    enum queue_verdict verdict = queue_check(queue, worker, seq, lease, &delivery);

    if (verdict == QUEUE_DONE) {
        struct slot *slot = find(queue, seq);
        slot->due = due;
        set_state(queue, slot, STATE_LEASED);
    }
    return verdict;
}

static void note_failure(struct slot *slot, int64_t now, struct rentbus_text error)
{
    size_t length = error.length < RENTBUS_TEXT_MAX ? error.length : RENTBUS_TEXT_MAX;
    struct queue_failure *failure = malloc(sizeof(*failure) + length);
    struct queue_failure **end = &slot->failures;

    if (!failure)
        return;
    *failure = (struct queue_failure){.at = now, .length = (uint16_t)length};
    if (length > 0)
        memcpy(failure->error, error.data, length);
    while (*end)
        end = &(*end)->next;
    *end = failure;
}

void queue_retry(struct queue *queue, uint64_t seq, int64_t at, int64_t now,
                 struct rentbus_text error)
{
    struct slot *slot = find(queue, seq);

    if (!slot)
        return;
    note_failure(slot, now, error);
    slot->due = at;
    set_state(queue, slot, STATE_DELAYED);
}

void queue_hold(struct queue *queue, uint64_t seq)
{
    struct slot *slot = find(queue, seq);

    if (slot)
        set_state(queue, slot, STATE_HELD);
}

void queue_return(struct queue *queue, uint64_t seq)
{
    struct slot *slot = find(queue, seq);

    if (!slot || slot->state != STATE_LEASED)
        return;
    slot->attempts--;
    set_state(queue, slot, STATE_READY);
}

void queue_release(struct queue *queue, uint32_t worker)
{
    for (size_t i = 0; i < queue->used && queue->leased > 0; i++)
        if (queue->slots[i].state == STATE_LEASED && queue->slots[i].worker == worker)
            queue_return(queue, queue->slots[i].seq);
}

void queue_unhold(struct queue *queue, int64_t at)
{
    for (size_t i = 0; i < queue->used; i++) {
        struct slot *slot = &queue->slots[i];
        if (slot->state != STATE_HELD)
            continue;
        slot->due = at;
        set_state(queue, slot, STATE_DELAYED);
    }
}

const struct queue_failure *queue_failures(const struct queue *queue, uint64_t seq)
{
    const struct slot *slot = find(queue, seq);

    return slot ? slot->failures : NULL;
}

/* ---- time ---- */

int64_t queue_timer(const struct queue *queue)
{
    return queue->timers.count ? queue->timers.entries[0].key : INT64_MAX;
}

bool queue_expire(struct queue *queue, int64_t now, struct queue_delivery *delivery)
{
    while (queue_timer(queue) <= now) {
        struct slot *slot = &queue->slots[queue->timers.entries[0].slot];
        if (slot->state == STATE_LEASED) {
            describe(slot, delivery);
            return true;
        }
        set_state(queue, slot, STATE_READY);
    }
    return false;
}

/* ---- what is to be seen of it ---- */

uint64_t queue_cursor(const struct queue *queue)
{
    return queue->length ? queue->slots[queue->order[queue->first]].seq - 1 : queue->seen;
}

struct queue_counts queue_counts(const struct queue *queue)
{
    return (struct queue_counts){queue->undone, queue->leased, queue->delayed};
}

uint64_t queue_oldest(const struct queue *queue)
{
    uint64_t oldest = queue->length ? queue->slots[queue->order[queue->first]].seq : 0;

    if (queue->undone == 0)
        return 0;
    for (size_t i = 0; i < queue->used; i++) {
        const struct slot *slot = &queue->slots[i];
        if (!slot->ordered && slot->state != STATE_FREE && (!oldest || slot->seq < oldest))
            oldest = slot->seq;
    }
    return oldest;
}

void queue_visit(const struct queue *queue, queue_visitor *visit, void *context)
{
    for (size_t i = 0; i < queue->used; i++) {
        const struct slot *slot = &queue->slots[i];
        bool done = slot->state == STATE_DONE;
        if (slot->state != STATE_FREE && (done || slot->attempts > 0 || !slot->ordered))
            visit(context, slot->seq, done, slot->attempts);
    }
}
