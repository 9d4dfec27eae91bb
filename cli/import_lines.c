/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/import_source.h"
#include "cli/lines.h"
#include "cli/report.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

static uint64_t file_size(FILE *file)
{
    struct stat status;
    if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode))
        return 0;
    return (uint64_t)status.st_size;
}

/* Whether the next line may be long in coming. What stdio has already read is not seen, which costs
 * a pause and nothing else. */
static bool input_waits(FILE *file)
{
    struct pollfd input = {.fd = fileno(file), .events = POLLIN};
    return poll(&input, 1, 0) == 0;
}

static enum cli_exit import_line(struct cli_importer *importer, struct rentbus_text line,
                                 struct cli_place *place)
{
    struct rentbus_fault fault;
    struct cli_row row = {0};
    enum cli_exit exit = CLI_EXIT_OK;
    int status = cli_row_parse(line, &row, &fault);
    place->key = cli_row_id(&row);
    place->table = place->key.data ? cli_row_types[row.kind].name : NULL;
    if (status > 0)
        cli_importer_bad(importer, place, &fault);
    else if (status < 0)
        exit = CLI_EXIT_INTERNAL;
    else
        exit = cli_importer_send(importer, &row, place);
    cli_row_release(&row);
    return exit;
}

static void too_long(struct cli_importer *importer, const struct cli_place *place)
{
    struct rentbus_fault fault = {.code = RENTBUS_ERROR_TOO_LARGE};
    snprintf(fault.message, sizeof(fault.message), "longer than %u bytes", CLI_LINES_MAX);
    cli_importer_bad(importer, place, &fault);
}

enum cli_exit cli_import_lines(struct cli *cli, struct cli_importer *importer, const char *path,
                               FILE *file)
{
    struct cli_place place = {.file = path};
    struct cli_lines lines = {0};
    struct rentbus_text line;
    uint64_t size = file_size(file);
    uint64_t done = 0;
    enum cli_exit exit = CLI_EXIT_OK;
    int status = cli_lines_take(&lines, file);
    while (exit == CLI_EXIT_OK && status >= 0 && (status = cli_lines_next(&lines, &line)) != 0) {
        place = (struct cli_place){.file = path, .line = lines.number};
        if (status == -EFBIG) {
            too_long(importer, &place);
            status = 1;
        } else if (status == 1 && !cli_lines_blank(line)) {
            exit = import_line(importer, line, &place);
        }
        done += lines.length + 1;
        cli_importer_progress(importer, done, size);
        if (exit == CLI_EXIT_OK && input_waits(file))
            exit = cli_importer_settle(importer);
    }
    cli_lines_close(&lines);
    if (status < 0) {
        cli_report(cli, "INVALID_ARGUMENT", "%s: %s", path, strerror(-status));
        exit = cli_exit_worse(exit, CLI_EXIT_BAD_DATA);
    }
    return exit;
}
