/* SPDX-License-Identifier: MPL-2.0 */
/* Words that many things share, kept once and counted: names of asset types and of locations, and
 * lists of asset types. Equal words have equal addresses. */
#ifndef RENTBUS_LEDGER_NAMES_H
#define RENTBUS_LEDGER_NAMES_H

#include "daemon/ledger/table.h"

struct ledger;

struct ledger_name {
    struct ledger_key key;
    uint32_t references;
    char id[];
};

/* Its key is over the addresses of the items. */
struct ledger_type_list {
    struct ledger_key key;
    uint32_t references;
    struct ledger_name *items[];
};

/* A reference of the caller's to the name; NULL when out of memory. */
struct ledger_name *ledger_name_intern(struct ledger *ledger, struct rentbus_text text);
/* The name without a new reference, or NULL when nothing has it. */
struct ledger_name *ledger_name_find(const struct ledger *ledger, struct rentbus_text text);
/* One more reference, to NULL too. Returns its argument. */
struct ledger_name *ledger_name_retain(struct ledger_name *name);
/* Gives a reference back, of NULL too; the last one frees the name. */
void ledger_name_release(struct ledger *ledger, struct ledger_name *name);
/* Absent text for NULL. */
struct rentbus_text ledger_name_text(const struct ledger_name *name);

/* The same for lists. A list holds references to its names. */
struct ledger_type_list *ledger_type_list_intern(struct ledger *ledger,
                                                 const struct rentbus_ids *types);
struct ledger_type_list *ledger_type_list_retain(struct ledger_type_list *list);
void ledger_type_list_release(struct ledger *ledger, struct ledger_type_list *list);
size_t ledger_type_list_count(const struct ledger_type_list *list);
bool ledger_type_list_has(const struct ledger_type_list *list, const struct ledger_name *type);
/* Whether the list has these types in this order. */
bool ledger_type_list_equal(const struct ledger_type_list *list, const struct rentbus_ids *types);
/* Fills *types, the items beyond its count left alone. */
void ledger_type_list_view(const struct ledger_type_list *list, struct rentbus_ids *types);

#endif
