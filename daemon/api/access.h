/* SPDX-License-Identifier: MPL-2.0 */
/* Who may do what: principals, their roles, and what each role may. Pure. */
#ifndef RENTBUS_API_ACCESS_H
#define RENTBUS_API_ACCESS_H

#include "sdk/protocol/codec.h"

#define ACCESS_PRINCIPALS_MAX 256
#define ACCESS_PRINCIPAL_SIZE 32 /* of the longest name, "uid:" and a number, with its NUL */
/* Locations and consumers of all principals together. */
#define ACCESS_OWN_MAX 512

struct access_principal {
    char name[ACCESS_PRINCIPAL_SIZE];
    enum rentbus_role role;
    /* Its part of access.own. Of a kiosk: the locations at which it may scan; none: any. Of a
     * lambda: the consumers that it may keep and serve; none: none. A '*' at the end of one stands
     * for whatever follows. */
    size_t own_first;
    size_t own_count;
};

struct access {
    enum rentbus_role default_role; /* of whom no principal names */
    size_t principal_count;
    struct access_principal principals[ACCESS_PRINCIPALS_MAX];
    size_t own_count;
    char own[ACCESS_OWN_MAX][RENTBUS_ID_MAX + 1];
};

/* The role of the principal. Here and below, `access` may be NULL: then everybody is an admin. */
enum rentbus_role access_role(const struct access *access, struct rentbus_text principal);
/* Whether the principal may ask for the operation at all: 0, or PERMISSION_DENIED with *fault. */
int access_check(const struct access *access, struct rentbus_text principal, enum rentbus_op op,
                 struct rentbus_fault *fault) __attribute__((warn_unused_result));
/* Whether it may with these arguments, the struct that schema.h names for the operation: only some
 * may override a rule, a kiosk scans at its own locations, a lambda serves its own consumers. To be
 * asked when access_check() gave 0, and with the same result. */
int access_check_args(const struct access *access, struct rentbus_text principal,
                      enum rentbus_op op, const void *args, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

#endif
