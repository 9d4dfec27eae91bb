/* SPDX-License-Identifier: MPL-2.0 */
/* JSON documents from a file: one on each line, or one over all of its lines. The first line that
 * is not blank tells which: it is whole, or it leaves a bracket open. */
#ifndef CLI_DOCUMENTS_H
#define CLI_DOCUMENTS_H

#include "cli/cli.h"

struct cli_documents;

/* `path` "-" is standard input; borrowed. What goes wrong is reported. */
enum cli_exit cli_documents_open(const struct cli *cli, const char *path,
                                 struct cli_documents **documents)
    __attribute__((warn_unused_result));
/* NULL-safe. */
void cli_documents_close(struct cli_documents **documents);

/* The next document, borrowed until the next call, and the line where it begins. *json has no data
 * when there is none. A document that is too long, or a file that cannot be read, is reported:
 * CLI_EXIT_BAD_DATA. */
enum cli_exit cli_documents_next(const struct cli *cli, struct cli_documents *documents,
                                 struct rentbus_text *json, uint64_t *line)
    __attribute__((warn_unused_result));

/* Whether all is read. */
bool cli_documents_ended(const struct cli_documents *documents);

/* Opens a file that is to hold one document, and reads it. */
enum cli_exit cli_documents_whole(const struct cli *cli, const char *path,
                                  struct cli_documents **documents, struct rentbus_text *json)
    __attribute__((warn_unused_result));

/* Whether JSON text closes every bracket that it opens. Pure. */
bool cli_documents_balanced(struct rentbus_text text);

#endif
