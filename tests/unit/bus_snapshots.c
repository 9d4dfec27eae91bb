/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/bus_snapshots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/bus/bus_state.h"
#include "sdk/protocol/text.h"
#include "tests/unit/bus_fixture.h"

#define KEPT_MAX 16

struct kept {
    uint64_t seq;
    unsigned life;
    struct rentbus_buffer bytes;
};

/* What one consumer has to do with one event. */
struct mark {
    bool wanted;
    bool asked;
    uint32_t attempts;
};

/* A consumer as it stands; `marks` are those of the events from 1 to the head. */
struct picture {
    uint64_t created;
    uint64_t generation;
    uint64_t known;
    uint64_t seen;
    bool paused;
    bool rematches;
    struct rentbus_buffer definition;
    struct consumer_parked *parked;
    size_t parked_count;
    struct mark *marks;
};

struct pictures {
    uint64_t head;
    size_t count;
    struct picture *items;
};

struct bus_snapshots {
    struct kept kept[KEPT_MAX];
    size_t count;
    unsigned
        life; /* a bus that was killed goes on from before it, and knows less than those then */
    bool killed;
    struct pictures end;
};

/* ---- how a bus stands ---- */

static void mark(void *context, uint64_t seq, uint32_t attempts, bool asked)
{
    struct mark *marks = context;
    marks[seq] = (struct mark){true, asked, attempts};
}

static struct mark *marks_of(const struct consumer *consumer, uint64_t head)
{
    struct mark *marks = calloc(head + 1, sizeof *marks);
    assert_non_null(marks);
    for (uint64_t seq = queue_seen(consumer->queue) + 1; seq <= head; seq++)
        marks[seq].wanted = map_get(&consumer->done, seq) == MAP_NONE;
    queue_visit(consumer->queue, mark, marks);
    for (size_t i = consumer->again_first; i < consumer->again_count; i++)
        mark(marks, consumer->again[i].seq, consumer->again[i].attempts, consumer->again[i].asked);
    return marks;
}

static struct picture picture_of(const struct consumer *consumer, uint64_t head)
{
    struct picture picture = {
        .created = consumer->created,
        .generation = consumer->generation,
        .known = consumer->known,
        .seen = queue_seen(consumer->queue),
        .paused = consumer->paused,
        .rematches = consumer->rematch_last > 0,
        .parked = calloc(consumer->parked_count + 1, sizeof *picture.parked),
        .parked_count = consumer->parked_count,
        .marks = marks_of(consumer, head),
    };
    assert_non_null(picture.parked);
    if (picture.parked_count > 0)
        memcpy(picture.parked, consumer->parked, picture.parked_count * sizeof *picture.parked);
    rentbus_buffer_append(&picture.definition, consumer->definition.data,
                          consumer->definition.length);
    return picture;
}

static struct pictures pictures_of(const struct bus *bus)
{
    struct pictures pictures = {bus_head(bus), 0, calloc(bus->count + 1, sizeof *pictures.items)};
    assert_non_null(pictures.items);
    for (const struct consumer *consumer = bus->first; consumer; consumer = consumer->next)
        pictures.items[pictures.count++] = picture_of(consumer, pictures.head);
    assert_int_equal(pictures.count, bus->count);
    return pictures;
}

static void pictures_release(struct pictures *pictures)
{
    for (size_t i = 0; i < pictures->count; i++) {
        rentbus_buffer_release(&pictures->items[i].definition);
        free(pictures->items[i].parked);
        free(pictures->items[i].marks);
    }
    free(pictures->items);
    *pictures = (struct pictures){0};
}

/* ---- comparing ---- */

static void compare_durable(const struct picture *replayed, const struct picture *restored)
{
    assert_int_equal(restored->created, replayed->created);
    assert_int_equal(restored->generation, replayed->generation);
    assert_int_equal(restored->paused, replayed->paused);
    assert_int_equal(restored->definition.length, replayed->definition.length);
    assert_memory_equal(restored->definition.data, replayed->definition.data,
                        replayed->definition.length);
    assert_int_equal(restored->parked_count, replayed->parked_count);
    for (size_t i = 0; i < replayed->parked_count; i++) {
        assert_int_equal(restored->parked[i].seq, replayed->parked[i].seq);
        assert_int_equal(restored->parked[i].parked_seq, replayed->parked[i].parked_seq);
    }
}

static void compare_work(const struct picture *replayed, const struct picture *restored,
                         uint64_t head)
{
    assert_int_equal(restored->seen, replayed->seen);
    assert_true(restored->rematches || !replayed->rematches);
    for (uint64_t seq = 1; seq <= head; seq++) {
        assert_int_equal(restored->marks[seq].wanted, replayed->marks[seq].wanted);
        assert_int_equal(restored->marks[seq].asked, replayed->marks[seq].asked);
        assert_int_equal(restored->marks[seq].attempts, replayed->marks[seq].attempts);
    }
}

/* `more` has at least what `less` has. */
static void compare_some(const struct picture *more, const struct picture *less, uint64_t head)
{
    for (uint64_t seq = 1; seq <= head; seq++)
        assert_true(more->marks[seq].wanted || !less->marks[seq].wanted);
}

static void compare_end(const struct pictures *end, const struct pictures *restored)
{
    assert_int_equal(restored->count, end->count);
    for (size_t i = 0; i < end->count; i++) {
        const struct picture *last = &end->items[i];
        compare_durable(last, &restored->items[i]);
        assert_true(restored->items[i].rematches || !last->rematches);
        compare_some(&restored->items[i], last, end->head);
    }
}

/* Whether the file of cursors decides, or the events behind the snapshot do. */
static bool is_exact(const struct picture *replayed, uint64_t seq)
{
    return replayed->generation > seq || replayed->known >= seq;
}

/* Whether all of it is the same. */
static bool compare(const struct pictures *replayed, const struct pictures *restored, uint64_t seq)
{
    bool exact = true;
    assert_int_equal(restored->head, replayed->head);
    assert_int_equal(restored->count, replayed->count);
    for (size_t i = 0; i < replayed->count; i++) {
        compare_durable(&replayed->items[i], &restored->items[i]);
        if (is_exact(&replayed->items[i], seq)) {
            compare_work(&replayed->items[i], &restored->items[i], replayed->head);
        } else {
            compare_some(&replayed->items[i], &restored->items[i], replayed->head);
            exact = false;
        }
    }
    return exact;
}

/* Looks, and leaves the file of cursors as it is. */
static struct pictures look(struct bus_fixture *fixture, uint64_t seq, struct rentbus_bytes bytes)
{
    struct bus *bus = bus_fixture_begin(fixture, seq, bytes);
    struct pictures pictures = pictures_of(bus);
    bus->started = false;
    bus_close(&fixture->bus);
    return pictures;
}

/* A journal that has lost its end has not those behind it. */
static void forget(struct bus_snapshots *snapshots, uint64_t head)
{
    while (snapshots->count > 0 && snapshots->kept[snapshots->count - 1].seq > head)
        rentbus_buffer_release(&snapshots->kept[--snapshots->count].bytes);
}

void bus_snapshots_compare(struct bus_snapshots *snapshots, struct bus_fixture *fixture,
                           uint64_t *seq, struct rentbus_bytes *bytes)
{
    size_t logged = fixture->logged;
    struct pictures replayed = look(fixture, 0, (struct rentbus_bytes){0});
    forget(snapshots, replayed.head);
    for (size_t i = 0; i < snapshots->count; i++) {
        const struct kept *kept = &snapshots->kept[i];
        struct rentbus_bytes from = {kept->bytes.data, kept->bytes.length};
        struct pictures restored = look(fixture, kept->seq, from);
        if (snapshots->end.head == restored.head && kept->life == snapshots->life)
            compare_end(&snapshots->end, &restored);
        if (compare(&replayed, &restored, kept->seq)) {
            *seq = kept->seq;
            *bytes = from;
        }
        pictures_release(&restored);
    }
    assert_true(bytes->length > 0);
    pictures_release(&replayed);
    fixture->logged = logged;
    snapshots->life += snapshots->killed;
}

/* ---- taking ---- */

struct bus_snapshots *bus_snapshots_create(void)
{
    return calloc(1, sizeof(struct bus_snapshots));
}

void bus_snapshots_destroy(struct bus_snapshots **snapshots)
{
    if (!*snapshots)
        return;
    for (size_t i = 0; i < (*snapshots)->count; i++)
        rentbus_buffer_release(&(*snapshots)->kept[i].bytes);
    pictures_release(&(*snapshots)->end);
    free(*snapshots);
    *snapshots = NULL;
}

/* Makes room: every other one goes, but for the first. */
static void thin_out(struct bus_snapshots *snapshots)
{
    size_t count = 0;
    for (size_t i = 0; i < KEPT_MAX; i++) {
        if (i % 2)
            rentbus_buffer_release(&snapshots->kept[i].bytes);
        else
            snapshots->kept[count++] = snapshots->kept[i];
    }
    snapshots->count = count;
}

void bus_snapshots_take(struct bus_snapshots *snapshots, const struct bus *bus)
{
    if (snapshots->count == KEPT_MAX)
        thin_out(snapshots);
    struct kept *kept = &snapshots->kept[snapshots->count++];
    *kept = (struct kept){.seq = bus_head(bus), .life = snapshots->life};
    assert_int_equal(bus_snapshot(bus, &kept->bytes), 0);
}

void bus_snapshots_end(struct bus_snapshots *snapshots, const struct bus *bus, bool killed)
{
    bus_snapshots_take(snapshots, bus);
    pictures_release(&snapshots->end);
    snapshots->end = pictures_of(bus);
    snapshots->killed = killed;
}
