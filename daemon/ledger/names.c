/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/names.h"

#include "daemon/ledger/state.h"

#include <string.h>

static size_t name_size(size_t length)
{
    return sizeof(struct ledger_name) + length;
}

struct ledger_name *ledger_name_find(const struct ledger *ledger, struct rentbus_text text)
{
    return ledger_table_find(&ledger->names, ledger_hash_text(ledger, text), text);
}

struct ledger_name *ledger_name_intern(struct ledger *ledger, struct rentbus_text text)
{
    uint32_t hash = ledger_hash_text(ledger, text);
    struct ledger_name *name = ledger_table_find(&ledger->names, hash, text);

    if (name)
        return ledger_name_retain(name);
    if (ledger_table_reserve(&ledger->names, &ledger->memory) < 0)
        return NULL;
    name = ledger_pool_take(&ledger->pool, name_size(text.length));
    if (!name)
        return NULL;
    name->key = (struct ledger_key){hash, (uint16_t)text.length};
    name->references = 1;
    memcpy(name->id, text.data, text.length);
    ledger_table_insert(&ledger->names, &name->key);
    return name;
}

struct ledger_name *ledger_name_retain(struct ledger_name *name)
{
    if (name)
        name->references++;
    return name;
}

void ledger_name_release(struct ledger *ledger, struct ledger_name *name)
{
    if (!name || --name->references > 0)
        return;
    ledger_table_remove(&ledger->names, &name->key);
    ledger_pool_give(&ledger->pool, name, name_size(name->key.length));
}

struct rentbus_text ledger_name_text(const struct ledger_name *name)
{
    return name ? (struct rentbus_text){name->id, name->key.length} : (struct rentbus_text){0};
}

static size_t list_size(size_t bytes)
{
    return sizeof(struct ledger_type_list) + bytes;
}

static void list_release_names(struct ledger *ledger, struct ledger_name *const *names,
                               size_t count)
{
    for (size_t i = 0; i < count; i++)
        ledger_name_release(ledger, names[i]);
}

/* A new list that takes over the references of `names`, or NULL. */
static struct ledger_type_list *list_create(struct ledger *ledger, uint32_t hash,
                                            struct rentbus_text names)
{
    struct ledger_type_list *list;

    if (ledger_table_reserve(&ledger->type_lists, &ledger->memory) < 0)
        return NULL;
    list = ledger_pool_take(&ledger->pool, list_size(names.length));
    if (!list)
        return NULL;
    list->key = (struct ledger_key){hash, (uint16_t)names.length};
    list->references = 1;
    memcpy(list->items, names.data, names.length);
    ledger_table_insert(&ledger->type_lists, &list->key);
    return list;
}

struct ledger_type_list *ledger_type_list_intern(struct ledger *ledger,
                                                 const struct rentbus_ids *types)
{
    struct ledger_name *names[RENTBUS_IDS_MAX];
    struct rentbus_text bytes = {(const char *)names, types->count * sizeof(names[0])};
    struct ledger_type_list *list;
    uint32_t hash;

    for (size_t i = 0; i < types->count; i++) {
        names[i] = ledger_name_intern(ledger, types->items[i]);
        if (!names[i]) {
            list_release_names(ledger, names, i);
            return NULL;
        }
    }
    hash = ledger_hash_text(ledger, bytes);
    list = ledger_table_find(&ledger->type_lists, hash, bytes);
    if (!list) {
        list = list_create(ledger, hash, bytes);
        if (list)
            return list;
    } else {
        list->references++;
    }
    list_release_names(ledger, names, types->count);
    return list;
}

struct ledger_type_list *ledger_type_list_retain(struct ledger_type_list *list)
{
    list->references++;
    return list;
}

void ledger_type_list_release(struct ledger *ledger, struct ledger_type_list *list)
{
    if (!list || --list->references > 0)
        return;
    ledger_table_remove(&ledger->type_lists, &list->key);
    list_release_names(ledger, list->items, ledger_type_list_count(list));
    ledger_pool_give(&ledger->pool, list, list_size(list->key.length));
}

size_t ledger_type_list_count(const struct ledger_type_list *list)
{
    return list->key.length / sizeof(list->items[0]);
}

bool ledger_type_list_has(const struct ledger_type_list *list, const struct ledger_name *type)
{
    for (size_t i = 0; i < ledger_type_list_count(list); i++)
        if (list->items[i] == type)
            return true;
    return false;
}

bool ledger_type_list_equal(const struct ledger_type_list *list, const struct rentbus_ids *types)
{
    if (ledger_type_list_count(list) != types->count)
        return false;
    for (size_t i = 0; i < types->count; i++)
        if (!rentbus_text_equal(ledger_name_text(list->items[i]), types->items[i]))
            return false;
    return true;
}

void ledger_type_list_view(const struct ledger_type_list *list, struct rentbus_ids *types)
{
    types->count = ledger_type_list_count(list);
    for (size_t i = 0; i < types->count; i++)
        types->items[i] = ledger_name_text(list->items[i]);
}
