/* SPDX-License-Identifier: MPL-2.0 */
/* Lists, page by page, as one row of items. */
#ifndef CLI_PAGES_H
#define CLI_PAGES_H

#include "cli/cli.h"

/* Gets each item, a struct of the list's schema, for the time of the call. Anything but CLI_EXIT_OK
 * ends the list. */
typedef enum cli_exit cli_pages_item(void *context, const void *item);

/* Calls a list operation until all is read, or `limit` items. `args` is the struct that the
 * operation takes; its `limit` and `cursor` are set here. */
enum cli_exit cli_pages_read(struct cli *cli, enum rentbus_op op, void *args, uint64_t limit,
                             cli_pages_item *each, void *context)
    __attribute__((warn_unused_result));

#endif
