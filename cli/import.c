/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/import_source.h"
#include "cli/report.h"
#include "cli/verbs.h"

#include <errno.h>

#define SQLITE_MAGIC "SQLite format 3"

/* Leaves a file that is no database as if nothing of it had been read: no line of JSON begins as a
 * database does, so that a look at one byte is enough for them. */
static bool is_database(FILE *file)
{
    char head[sizeof(SQLITE_MAGIC)];
    int first = getc(file);
    if (first != EOF)
        ungetc(first, file);
    if (first != SQLITE_MAGIC[0])
        return false;
    bool found = fread(head, 1, sizeof(head), file) == sizeof(head) &&
                 memcmp(head, SQLITE_MAGIC, sizeof(head)) == 0;
    rewind(file);
    return found;
}

static enum cli_exit import_file(struct cli *cli, struct cli_importer *importer, const char *path,
                                 FILE *file)
{
    if (file == stdin || !is_database(file))
        return cli_import_lines(cli, importer, path, file);
    fclose(file);
    return cli_import_sqlite(cli, importer, path);
}

static enum cli_exit import_run(struct cli *cli, const struct cli_line *line)
{
    struct cli_importer *importer = NULL;
    enum cli_exit exit = cli_line_words(cli, line, 1, 1);
    if (exit != CLI_EXIT_OK)
        return exit;
    const char *path = line->words[0];
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file) {
        cli_report(cli, "INVALID_ARGUMENT", "%s: %s", path, strerror(errno));
        return CLI_EXIT_BAD_DATA;
    }
    exit = cli_importer_create(cli, &importer);
    if (exit == CLI_EXIT_OK)
        exit = cli_importer_finish(importer, import_file(cli, importer, path, file));
    else if (file != stdin)
        fclose(file);
    cli_importer_destroy(&importer);
    return exit;
}

const struct cli_verb cli_verb_import = {
    .name = "import",
    .summary = "Bring users, assets and rentals into the ledger",
    .usage = "FILE|-",
    .notes =
        "FILE is a SQLite database with tables users(id, name), assets(id, asset_type) and\n"
        "rentals(id, user_id, asset_id, created_at_location_id, created_at, expires_at, status,\n"
        "eligible_asset_types, returned_at_location_id, returned_at), or JSON, one object a line\n"
        "as export writes it. Rows that cannot be taken are reported one by one, the others go\n"
        "in; then the exit code is 65. A row counts once, for ever: to import a file again, or\n"
        "after a crash half way, changes nothing that is there.",
    .run = import_run,
};
