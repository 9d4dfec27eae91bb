/* SPDX-License-Identifier: MPL-2.0 */
/* How consumers stand, a row for each. */
#ifndef CLI_LAMBDA_ROW_H
#define CLI_LAMBDA_ROW_H

#include "cli/output.h"

/* An empty table for them, to be given to cli_table_destroy(). */
enum cli_exit lambda_row_table(const struct cli *cli, struct cli_table **table)
    __attribute__((warn_unused_result));
enum cli_exit lambda_row_add(struct cli_table *table, const struct cli *cli,
                             const struct rentbus_consumer_status *status)
    __attribute__((warn_unused_result));

#endif
