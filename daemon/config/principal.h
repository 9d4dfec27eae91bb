/* SPDX-License-Identifier: MPL-2.0 */
/* What a file of settings says of principals: `default_role`, and sections such as
 *   principal "uid:1001" { role = kiosk  locations = {"north-bin"} }
 *   principal "uid:1002" { role = lambda  consumers = {"thanks", "mail-*"} } */
#ifndef RENTBUS_CONFIG_PRINCIPAL_H
#define RENTBUS_CONFIG_PRINCIPAL_H

#include <confuse.h>
#include <stdio.h>

#include "daemon/api/access.h"

#define PRINCIPAL_OPTIONS 2
/* The options, to be parsed with others; and, when they have been handed to cfg_init(), the checks
 * of their values, which name the line. */
void principal_options(cfg_opt_t options[PRINCIPAL_OPTIONS]);
void principal_watch(cfg_t *file);
/* Takes what a file says that was parsed without an error. */
void principal_read(cfg_t *file, struct access *access);
/* Writes the settings as a file has them. */
void principal_print(const struct access *access, FILE *stream);

#endif
