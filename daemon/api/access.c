/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/api/access.h"

#include <string.h>

#include "sdk/protocol/text.h"

/* Each may what those before it may. */
enum rank { RANK_NOBODY, RANK_READER, RANK_KIOSK, RANK_CLERK, RANK_ADMIN };

static const enum rank ranks[] = {
    [RENTBUS_ROLE_reader] = RANK_READER, [RENTBUS_ROLE_kiosk] = RANK_KIOSK,
    [RENTBUS_ROLE_clerk] = RANK_CLERK,   [RENTBUS_ROLE_lambda] = RANK_READER,
    [RENTBUS_ROLE_admin] = RANK_ADMIN,
};

/* What it takes at least. An operation without a line is for nobody. */
static const enum rank least[RENTBUS_OP_COUNT] = {
    [RENTBUS_OP_hello] = RANK_READER,           [RENTBUS_OP_rental_return] = RANK_KIOSK,
    [RENTBUS_OP_rental_checkout] = RANK_KIOSK,  [RENTBUS_OP_rental_renew] = RANK_CLERK,
    [RENTBUS_OP_rental_forgive] = RANK_CLERK,   [RENTBUS_OP_rental_flag] = RANK_CLERK,
    [RENTBUS_OP_rental_unflag] = RANK_CLERK,    [RENTBUS_OP_rental_get] = RANK_READER,
    [RENTBUS_OP_rental_list] = RANK_READER,     [RENTBUS_OP_user_put] = RANK_CLERK,
    [RENTBUS_OP_user_block] = RANK_CLERK,       [RENTBUS_OP_user_unblock] = RANK_CLERK,
    [RENTBUS_OP_user_get] = RANK_READER,        [RENTBUS_OP_user_list] = RANK_READER,
    [RENTBUS_OP_asset_put] = RANK_CLERK,        [RENTBUS_OP_asset_get] = RANK_READER,
    [RENTBUS_OP_asset_list] = RANK_READER,      [RENTBUS_OP_asset_type_put] = RANK_ADMIN,
    [RENTBUS_OP_asset_type_get] = RANK_READER,  [RENTBUS_OP_asset_type_list] = RANK_READER,
    [RENTBUS_OP_location_put] = RANK_ADMIN,     [RENTBUS_OP_location_get] = RANK_READER,
    [RENTBUS_OP_location_list] = RANK_READER,   [RENTBUS_OP_device_get] = RANK_READER,
    [RENTBUS_OP_device_list] = RANK_READER,     [RENTBUS_OP_policy_put] = RANK_ADMIN,
    [RENTBUS_OP_policy_get] = RANK_READER,      [RENTBUS_OP_batch] = RANK_CLERK,
    [RENTBUS_OP_command_get] = RANK_READER,     [RENTBUS_OP_events_read] = RANK_READER,
    [RENTBUS_OP_stats] = RANK_READER,           [RENTBUS_OP_explain] = RANK_READER,
    [RENTBUS_OP_consumer_get] = RANK_READER,    [RENTBUS_OP_consumer_list] = RANK_READER,
    [RENTBUS_OP_consumer_parked] = RANK_READER, [RENTBUS_OP_publish] = RANK_ADMIN,
    [RENTBUS_OP_consumer_put] = RANK_ADMIN,     [RENTBUS_OP_consumer_delete] = RANK_ADMIN,
    [RENTBUS_OP_consumer_pause] = RANK_ADMIN,   [RENTBUS_OP_consumer_resume] = RANK_ADMIN,
    [RENTBUS_OP_consumer_reset] = RANK_ADMIN,   [RENTBUS_OP_consumer_skip] = RANK_ADMIN,
    [RENTBUS_OP_consumer_fetch] = RANK_ADMIN,   [RENTBUS_OP_consumer_ack] = RANK_ADMIN,
    [RENTBUS_OP_consumer_nack] = RANK_ADMIN,    [RENTBUS_OP_consumer_extend] = RANK_ADMIN,
    [RENTBUS_OP_consumer_replay] = RANK_ADMIN,  [RENTBUS_OP_consumer_drop] = RANK_ADMIN,
    [RENTBUS_OP_admin_import] = RANK_ADMIN,     [RENTBUS_OP_admin_verify] = RANK_ADMIN,
    [RENTBUS_OP_admin_trim] = RANK_ADMIN,       [RENTBUS_OP_admin_import_device] = RANK_ADMIN,
    [RENTBUS_OP_admin_snapshot] = RANK_ADMIN,
};

/* What lambdas may beyond what readers may: publish, and keep consumers. */
static const bool for_lambdas[RENTBUS_OP_COUNT] = {
    [RENTBUS_OP_publish] = true,         [RENTBUS_OP_consumer_put] = true,
    [RENTBUS_OP_consumer_delete] = true, [RENTBUS_OP_consumer_pause] = true,
    [RENTBUS_OP_consumer_resume] = true, [RENTBUS_OP_consumer_reset] = true,
    [RENTBUS_OP_consumer_skip] = true,   [RENTBUS_OP_consumer_fetch] = true,
    [RENTBUS_OP_consumer_ack] = true,    [RENTBUS_OP_consumer_nack] = true,
    [RENTBUS_OP_consumer_extend] = true, [RENTBUS_OP_consumer_replay] = true,
    [RENTBUS_OP_consumer_drop] = true,
};

static const struct access_principal *find(const struct access *access, struct rentbus_text name)
{
    for (size_t i = 0; access && i < access->principal_count; i++) {
        const struct access_principal *principal = &access->principals[i];
        if (rentbus_text_equal(rentbus_text(principal->name), name))
            return principal;
    }
    return NULL;
}

enum rentbus_role access_role(const struct access *access, struct rentbus_text principal)
{
    if (!access)
        return RENTBUS_ROLE_admin;
    const struct access_principal *found = find(access, principal);
    return found ? found->role : access->default_role;
}

/* `what`: between the operation and the role, with a space at its end. */
static int refuse(struct rentbus_fault *fault, const char *field, enum rentbus_op op,
                  const char *what, enum rentbus_role role)
{
    return rentbus_fault_set(fault, RENTBUS_ERROR_PERMISSION_DENIED, field,
                             "%s %sis not for the role %s", rentbus_op_rows[op].wire, what,
                             rentbus_word_text(&rentbus_role_words, (int)role));
}

int access_check(const struct access *access, struct rentbus_text principal, enum rentbus_op op,
                 struct rentbus_fault *fault)
{
    enum rentbus_role role = access_role(access, principal);
    if (least[op] != RANK_NOBODY && ranks[role] >= least[op])
        return 0;
    if (role == RENTBUS_ROLE_lambda && for_lambdas[op])
        return 0;
    return refuse(fault, NULL, op, "", role);
}

/* What some may do to their own alone, beyond what readers may: which argument says to what. */
static const struct own {
    const char *field;
    const char *without; /* as of refuse() */
    const char *foreign;
    bool strict; /* who has none may do it to none; otherwise to any */
    bool starred;
} owns[] = {
    [RENTBUS_ROLE_kiosk] = {"location_id", "without a location ", "at the location of another ",
                            false, false},
    [RENTBUS_ROLE_lambda] = {"id", "without a consumer ", "of a consumer that is not its own ",
                             true, true},
    [RENTBUS_ROLE_admin] = {0},
};

/* The text of that name among the arguments: false when the operation has no such argument. It is
 * without data when it was not given. */
static bool argument(enum rentbus_op op, const void *args, const char *name,
                     struct rentbus_text *text)
{
    const struct rentbus_schema *schema = rentbus_op_rows[op].args;
    size_t index = rentbus_schema_find(schema, name, strlen(name));
    if (index == schema->count)
        return false;
    const char *member = (const char *)args + schema->fields[index].offset;
    *text = *(const struct rentbus_text *)(const void *)member;
    return true;
}

static bool stands_for(const char *own, bool starred, struct rentbus_text id)
{
    size_t length = strlen(own);
    if (starred && length > 0 && own[length - 1] == '*')
        return id.length >= length - 1 && memcmp(id.data, own, length - 1) == 0;
    return rentbus_text_equal((struct rentbus_text){own, length}, id);
}

static bool owns_it(const struct access *access, const struct access_principal *principal,
                    const struct own *own, struct rentbus_text id)
{
    if (!principal || principal->own_count == 0)
        return !own->strict;
    for (size_t i = 0; i < principal->own_count; i++)
        if (stands_for(access->own[principal->own_first + i], own->starred, id))
            return true;
    return false;
}

static int check_own(const struct access *access, struct rentbus_text principal, enum rentbus_op op,
                     const void *args, enum rentbus_role role, struct rentbus_fault *fault)
{
    const struct own *own = &owns[role];
    const struct access_principal *found = find(access, principal);
    struct rentbus_text id;
    if (!own->field || !argument(op, args, own->field, &id))
        return 0;
    if (!id.data && found && found->own_count > 0)
        return refuse(fault, own->field, op, own->without, role);
    return owns_it(access, found, own, id) ? 0 : refuse(fault, own->field, op, own->foreign, role);
}

int access_check_args(const struct access *access, struct rentbus_text principal,
                      enum rentbus_op op, const void *args, struct rentbus_fault *fault)
{
    enum rentbus_role role = access_role(access, principal);
    struct rentbus_text override;
    if (ranks[role] >= RANK_CLERK || least[op] == RANK_READER)
        return 0;
    if (argument(op, args, "override", &override) && override.data)
        return refuse(fault, "override", op, "with an override ", role);
    return check_own(access, principal, op, args, role, fault);
}
