/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/bus/selector.h"

#include <errno.h>

#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

#define CONSUMER_PREFIX "CONSUMER_"

/* FNV-1a: those who choose subjects that collide only put their own events in a queue. */
static uint64_t hash_text(struct rentbus_text text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < text.length; i++)
        hash = (hash ^ (uint8_t)text.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

struct rentbus_bytes selector_find(struct rentbus_bytes event, struct rentbus_text name)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(event);
    struct rentbus_cbor_item map = rentbus_cbor_read(&reader);

    for (uint64_t i = 0; map.type == RENTBUS_CBOR_MAP && i < map.number; i++) {
        struct rentbus_cbor_item key = rentbus_cbor_read(&reader);
        if (key.type != RENTBUS_CBOR_TEXT || key.bytes.length > name.length)
            break;
        struct rentbus_bytes value = rentbus_cbor_skip(&reader);
        if (key.bytes.length == name.length && memcmp(key.bytes.data, name.data, name.length) == 0)
            return value;
    }
    return (struct rentbus_bytes){0};
}

int selector_read(struct rentbus_bytes bytes, struct selector_keys *keys)
{
    struct rentbus_event event;
    struct rentbus_fault fault;

    if (rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, &event, &fault))
        return -EBADMSG;
    *keys = (struct selector_keys){.type = event.type, .time = event.time, .data = event.data};
    keys->subject = hash_text(RENTBUS_HAS(&event, event, subject) ? event.subject : event.type);
    if (RENTBUS_HAS(&event, event, hops))
        keys->hops = event.hops;
    if (RENTBUS_HAS(&event, event, cause))
        keys->cause = event.cause;
    if (RENTBUS_HAS(&event, event, consumer))
        keys->consumer = event.consumer;
    return 0;
}

/* What of a map of event data, or of its rental, says what it is about. */
struct mentioned {
    struct rentbus_text id;
    struct rentbus_text user_id;
    struct rentbus_text asset_id;
    struct rentbus_text asset_type;
    struct rentbus_text location_id;
    struct rentbus_text returned_at_location_id;
    struct rentbus_text created_at_location_id;
    struct rentbus_bytes rental;
};

static const struct {
    const char *name;
    size_t offset;
} mentioned_texts[] = {
    {"id", offsetof(struct mentioned, id)},
    {"user_id", offsetof(struct mentioned, user_id)},
    {"asset_id", offsetof(struct mentioned, asset_id)},
    {"asset_type", offsetof(struct mentioned, asset_type)},
    {"location_id", offsetof(struct mentioned, location_id)},
    {"returned_at_location_id", offsetof(struct mentioned, returned_at_location_id)},
    {"created_at_location_id", offsetof(struct mentioned, created_at_location_id)},
};

static void note(struct mentioned *mentioned, struct rentbus_text name, struct rentbus_bytes value)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(value);
    struct rentbus_cbor_item item = rentbus_cbor_read(&reader);

    if (item.type == RENTBUS_CBOR_MAP && rentbus_text_equal(name, rentbus_text("rental")))
        mentioned->rental = value;
    if (item.type != RENTBUS_CBOR_TEXT)
        return;
    for (size_t i = 0; i < sizeof(mentioned_texts) / sizeof(*mentioned_texts); i++)
        if (rentbus_text_equal(name, rentbus_text(mentioned_texts[i].name)))
            *(struct rentbus_text *)((char *)mentioned + mentioned_texts[i].offset) =
                (struct rentbus_text){(const char *)item.bytes.data, item.bytes.length};
}

static struct mentioned read_map(struct rentbus_bytes bytes)
{
    struct mentioned mentioned = {0};
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(bytes);
    struct rentbus_cbor_item map = {.type = RENTBUS_CBOR_NULL};

    if (bytes.length > 0)
        map = rentbus_cbor_read(&reader);
    for (uint64_t i = 0; map.type == RENTBUS_CBOR_MAP && i < map.number; i++) {
        struct rentbus_cbor_item name = rentbus_cbor_read(&reader);
        struct rentbus_bytes value = rentbus_cbor_skip(&reader);
        note(&mentioned, (struct rentbus_text){(const char *)name.bytes.data, name.bytes.length},
             value);
    }
    return mentioned;
}

static struct rentbus_text first_of(struct rentbus_text a, struct rentbus_text b)
{
    return a.data ? a : b;
}

static struct rentbus_text type_of_asset(const struct ledger *ledger, struct rentbus_text id)
{
    struct rentbus_asset asset;

    if (!id.data || !ledger_asset_get(ledger, id, &asset))
        return (struct rentbus_text){0};
    return asset.asset_type;
}

static void read_details(const struct ledger *ledger, struct selector_keys *keys)
{
    struct mentioned data = read_map(keys->data);
    struct mentioned rental = read_map(data.rental);

    keys->has_details = true;
    keys->user_id = first_of(data.user_id, rental.user_id);
    keys->location_id = first_of(
        data.location_id, first_of(rental.returned_at_location_id, rental.created_at_location_id));
    keys->asset_type = data.asset_type;
    if (rentbus_text_begins(keys->type, "USER_"))
        keys->user_id = first_of(keys->user_id, data.id);
    if (rentbus_text_begins(keys->type, "LOCATION_"))
        keys->location_id = first_of(keys->location_id, data.id);
    if (rentbus_text_begins(keys->type, "ASSET_TYPE_"))
        keys->asset_type = first_of(keys->asset_type, data.id);
    if (!keys->asset_type.data)
        keys->asset_type = type_of_asset(ledger, first_of(data.asset_id, rental.asset_id));
}

/* A consumer that is told of consumers has to ask for it, and is never told of itself. */
static bool type_matches(const struct rentbus_consumer *consumer, const struct selector_keys *keys)
{
    if (!RENTBUS_HAS(consumer, consumer, types))
        return !rentbus_text_begins(keys->type, CONSUMER_PREFIX);
    for (size_t i = 0; i < consumer->types.count; i++)
        if (rentbus_text_equal(consumer->types.items[i], keys->type))
            return !rentbus_text_begins(keys->type, CONSUMER_PREFIX) ||
                   (keys->hops <= RENTBUS_HOPS_MAX && keys->subject != hash_text(consumer->id));
    return false;
}

bool selector_matches(const struct rentbus_consumer *consumer, const struct ledger *ledger,
                      struct selector_keys *keys)
{
    const struct {
        bool asked;
        const struct rentbus_text *wanted;
        const struct rentbus_text *found;
    } details[] = {
        {RENTBUS_HAS(consumer, consumer, user_id), &consumer->user_id, &keys->user_id},
        {RENTBUS_HAS(consumer, consumer, asset_type), &consumer->asset_type, &keys->asset_type},
        {RENTBUS_HAS(consumer, consumer, location_id), &consumer->location_id, &keys->location_id},
    };

    if (!type_matches(consumer, keys))
        return false;
    for (size_t i = 0; i < sizeof(details) / sizeof(*details); i++) {
        if (details[i].asked && !keys->has_details)
            read_details(ledger, keys);
        if (details[i].asked && !rentbus_text_equal(*details[i].wanted, *details[i].found))
            return false;
    }
    return true;
}
