/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/documents.h"

#include "cli/field.h"
#include "cli/lines.h"
#include "cli/report.h"

#include <errno.h>
#include <stdlib.h>

struct cli_documents {
    struct cli_lines lines;
    const char *path;
    bool begun;
    bool ended;
};

bool cli_documents_balanced(struct rentbus_text text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        if (quoted && byte == '\\')
            i++;
        else if (byte == '"')
            quoted = !quoted;
        else if (!quoted && (byte == '{' || byte == '['))
            depth++;
        else if (!quoted && (byte == '}' || byte == ']') && depth > 0)
            depth--;
    }
    return depth == 0;
}

static enum cli_exit read_failed(const struct cli *cli, const struct cli_documents *documents,
                                 int error)
{
    if (error == -EFBIG)
        cli_report(cli, "TOO_LARGE", "%s:%llu: longer than %u bytes", documents->path,
                   (unsigned long long)documents->lines.number, CLI_LINES_MAX);
    else
        cli_report(cli, "INVALID_ARGUMENT", "%s: %s", documents->path, strerror(-error));
    return CLI_EXIT_BAD_DATA;
}

enum cli_exit cli_documents_open(const struct cli *cli, const char *path,
                                 struct cli_documents **documents)
{
    struct cli_documents *opened = calloc(1, sizeof(*opened));
    if (!opened) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    opened->path = path;
    int error = cli_lines_open(&opened->lines, path);
    if (error) {
        enum cli_exit exit = read_failed(cli, opened, error);
        cli_documents_close(&opened);
        return exit;
    }
    *documents = opened;
    return CLI_EXIT_OK;
}

void cli_documents_close(struct cli_documents **documents)
{
    if (!*documents)
        return;
    cli_lines_close(&(*documents)->lines);
    free(*documents);
    *documents = NULL;
}

enum cli_exit cli_documents_next(const struct cli *cli, struct cli_documents *documents,
                                 struct rentbus_text *json, uint64_t *line)
{
    int status;
    *json = (struct rentbus_text){0};
    if (documents->ended)
        return CLI_EXIT_OK;
    do
        status = cli_lines_next(&documents->lines, json);
    while (status == 1 && cli_lines_blank(*json));
    *line = documents->lines.number;
    if (status == 1 && !documents->begun && !cli_documents_balanced(*json)) {
        documents->ended = true;
        status = cli_lines_rest(&documents->lines, json);
    }
    documents->begun = true;
    if (status <= 0)
        *json = (struct rentbus_text){0};
    documents->ended = documents->ended || (status <= 0 && status != -EFBIG);
    if (status >= 0)
        return CLI_EXIT_OK;
    return read_failed(cli, documents, status);
}

bool cli_documents_ended(const struct cli_documents *documents)
{
    return documents->ended;
}

enum cli_exit cli_documents_whole(const struct cli *cli, const char *path,
                                  struct cli_documents **documents, struct rentbus_text *json)
{
    enum cli_exit exit = cli_documents_open(cli, path, documents);
    if (exit != CLI_EXIT_OK)
        return exit;
    int status = cli_lines_next(&(*documents)->lines, json);
    if (status == 1)
        status = cli_lines_rest(&(*documents)->lines, json);
    if (status < 0)
        return read_failed(cli, *documents, status);
    if (status == 0)
        *json = rentbus_text("");
    return CLI_EXIT_OK;
}
