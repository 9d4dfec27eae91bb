/* SPDX-License-Identifier: MPL-2.0 */
/* Where rows of an import come from. */
#ifndef CLI_IMPORT_SOURCE_H
#define CLI_IMPORT_SOURCE_H

#include "cli/importer.h"

#include <stdio.h>

/* Lines of NDJSON, {"kind": "user", "id": "u1", …}. `path` is for reports; takes `file`. */
enum cli_exit cli_import_lines(struct cli *cli, struct cli_importer *importer, const char *path,
                               FILE *file) __attribute__((warn_unused_result));

/* A SQLite database, opened for reading only, with tables of CLI_ROW_KIND_COUNT's names; at least
 * one of them must be there. */
enum cli_exit cli_import_sqlite(struct cli *cli, struct cli_importer *importer, const char *path)
    __attribute__((warn_unused_result));

#endif
