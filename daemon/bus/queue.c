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
};

struct slot {
    uint64_t seq;
    uint64_t subject;
    int64_t due;
    struct queue_failure *failures;
    uint32_t previous; /* of its subject */
    uint32_t next;     /* of its subject; of the free ones */
    uint32_t older;    /* by seq */
    uint32_t newer;
    uint32_t lease;
    uint32_t worker;
    uint32_t attempts; /* takings so far */
    uint8_t state;
    bool asked;
};

struct queue {
    uint64_t seen;
    uint32_t leases; /* given out so far */
    struct slot *slots;
    uint32_t *places; /* in the heap that the slot's state names */
    size_t capacity;  /* of slots */
    size_t used;      /* slots that were ever used */
    uint32_t free;    /* slots to use again */
    uint32_t oldest;
    uint32_t newest;
    size_t leased;
    size_t delayed;
    struct map seqs;
    struct map tails; /* the last slot of each subject */
    struct heap ready;
    struct heap timers;
};

struct queue *queue_create(uint64_t cursor, uint32_t leases)
{
    struct queue *queue = calloc(1, sizeof(*queue));

    if (queue) {
        queue->seen = cursor;
        queue->leases = leases;
        queue->free = NONE;
        queue->oldest = NONE;
        queue->newest = NONE;
    }
    return queue;
}

uint32_t queue_leases(const struct queue *queue)
{
    return queue->leases;
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
    failures_free(slot);
    slot->next = queue->free;
    queue->free = index;
}

/* Where one slot is linked from its neighbours. */
static void link_older(struct queue *queue, uint32_t index, uint32_t older)
{
    *(index == NONE ? &queue->newest : &queue->slots[index].older) = older;
}

static void link_newer(struct queue *queue, uint32_t index, uint32_t newer)
{
    *(index == NONE ? &queue->oldest : &queue->slots[index].newer) = newer;
}

/* Into the order of seqs: nearly always at its end. */
static void link_slot(struct queue *queue, uint32_t index)
{
    struct slot *slot = &queue->slots[index];
    uint32_t older = queue->newest;

    while (older != NONE && queue->slots[older].seq > slot->seq)
        older = queue->slots[older].older;
    slot->older = older;
    slot->newer = older == NONE ? queue->oldest : queue->slots[older].newer;
    link_newer(queue, slot->older, index);
    link_older(queue, slot->newer, index);
}

static void unlink_slot(struct queue *queue, const struct slot *slot)
{
    link_newer(queue, slot->older, slot->newer);
    link_older(queue, slot->newer, slot->older);
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
    slot->previous = tail;
    queue->slots[tail].next = index;
    set_state(queue, slot, STATE_WAITING);
}

/* Out of its subject, wherever it stands in it: the next one is ready if it stood in front. */
static void dequeue(struct queue *queue, const struct slot *slot)
{
    if (slot->next != NONE)
        queue->slots[slot->next].previous = slot->previous;
    else if (slot->previous != NONE)
        map_put(&queue->tails, slot->subject, slot->previous);
    else
        map_remove(&queue->tails, slot->subject);
    if (slot->previous != NONE)
        queue->slots[slot->previous].next = slot->next;
    else if (slot->next != NONE)
        set_state(queue, &queue->slots[slot->next], STATE_READY);
}

static int add(struct queue *queue, uint64_t seq, uint64_t subject, uint32_t attempts, bool asked)
{
    int r = reserve(queue);

    if (r)
        return r;
    uint32_t index = slot_take(queue);
    queue->slots[index] = (struct slot){
        .seq = seq,
        .subject = subject,
        .previous = NONE,
        .next = NONE,
        .attempts = attempts,
        .asked = asked,
    };
    map_put(&queue->seqs, seq, index);
    link_slot(queue, index);
    enqueue(queue, index);
    return 0;
}

int queue_offer(struct queue *queue, uint64_t seq, uint64_t subject)
{
    int r = add(queue, seq, subject, 0, false);

    if (r == 0)
        queue->seen = seq;
    return r;
}

void queue_pass(struct queue *queue, uint64_t seq)
{
    if (seq > queue->seen)
        queue->seen = seq;
}

int queue_again(struct queue *queue, uint64_t seq, uint64_t subject, uint32_t attempts, bool asked)
{
    return find(queue, seq) ? 0 : add(queue, seq, subject, attempts, asked);
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

    if (!slot || slot->lease == 0)
        return QUEUE_UNKNOWN;
    if (slot->state == STATE_LEASED && slot->lease == lease) {
        describe(slot, delivery);
        return slot->worker == worker ? QUEUE_DONE : QUEUE_FOREIGN;
    }
    if (slot->state == STATE_LEASED && slot->worker != worker)
        return QUEUE_FOREIGN;
    return QUEUE_EXPIRED;
}

bool queue_finish(struct queue *queue, uint64_t seq)
{
    struct slot *slot = find(queue, seq);

    if (!slot)
        return false;
    set_state(queue, slot, STATE_FREE);
    dequeue(queue, slot);
    unlink_slot(queue, slot);
    slot_give(queue, (uint32_t)(slot - queue->slots));
    return true;
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

/* The oldest one makes room. */
static void note_failure(struct slot *slot, int64_t now, struct rentbus_text error)
{
    size_t length = error.length < RENTBUS_TEXT_MAX ? error.length : RENTBUS_TEXT_MAX;
    struct queue_failure *failure = malloc(sizeof(*failure) + length);
    struct queue_failure **end = &slot->failures;
    size_t count = 1;

    if (!failure)
        return;
    *failure = (struct queue_failure){.at = now, .length = (uint16_t)length};
    if (length > 0)
        memcpy(failure->error, error.data, length);
    for (; *end; end = &(*end)->next)
        count++;
    *end = failure;
    if (count > QUEUE_FAILURES_MAX) {
        struct queue_failure *oldest = slot->failures;
        slot->failures = oldest->next;
        free(oldest);
    }
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
    uint32_t index = queue->leased > 0 ? queue->oldest : NONE;

    for (; index != NONE; index = queue->slots[index].newer)
        if (queue->slots[index].worker == worker)
            queue_return(queue, queue->slots[index].seq);
}

size_t queue_held(const struct queue *queue, uint32_t worker, uint32_t first, uint32_t last,
                  struct queue_delivery *deliveries, size_t most)
{
    uint32_t index = queue->leased > 0 ? queue->oldest : NONE;
    size_t count = 0;

    for (; index != NONE && count < most; index = queue->slots[index].newer) {
        const struct slot *slot = &queue->slots[index];
        if (slot->state == STATE_LEASED && slot->worker == worker &&
            slot->lease - first <= last - first)
            describe(slot, &deliveries[count++]);
    }
    return count;
}

void queue_unhold(struct queue *queue)
{
    for (uint32_t index = queue->oldest; index != NONE; index = queue->slots[index].newer)
        if (queue->slots[index].state == STATE_HELD)
            set_state(queue, &queue->slots[index], STATE_LEASED);
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

uint64_t queue_oldest(const struct queue *queue)
{
    return queue->oldest == NONE ? 0 : queue->slots[queue->oldest].seq;
}

uint64_t queue_newer(const struct queue *queue, uint64_t seq)
{
    const struct slot *slot = find(queue, seq);

    return slot && slot->newer != NONE ? queue->slots[slot->newer].seq : 0;
}

uint64_t queue_cursor(const struct queue *queue)
{
    return queue->oldest == NONE ? queue->seen : queue_oldest(queue) - 1;
}

struct queue_counts queue_counts(const struct queue *queue)
{
    return (struct queue_counts){queue->seqs.count, queue->leased, queue->delayed};
}

bool queue_has(const struct queue *queue, uint64_t seq)
{
    return find(queue, seq) != NULL;
}

bool queue_idle(const struct queue *queue, uint64_t seq)
{
    const struct slot *slot = find(queue, seq);

    return slot && !slot->asked && slot->state != STATE_LEASED && slot->state != STATE_HELD;
}

void queue_visit(const struct queue *queue, queue_visitor *visit, void *context)
{
    for (uint32_t index = queue->oldest; index != NONE; index = queue->slots[index].newer) {
        const struct slot *slot = &queue->slots[index];
        visit(context, slot->seq, slot->attempts, slot->asked);
    }
}
