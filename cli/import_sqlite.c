/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/field.h"
#include "cli/import_source.h"
#include "cli/lines.h"
#include "cli/report.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long another program may hold the file. */
#define BUSY_MS 5000
/* Columns of a table that are looked at. */
#define COLUMN_MAX 100

/* One table being read. */
struct reading {
    struct cli *cli;
    struct cli_importer *importer;
    const char *path;
    sqlite3 *database;
    sqlite3_stmt *rows;
    enum cli_row_kind kind;
    int column_count;
    size_t fields[COLUMN_MAX]; /* of each column, or the schema's count */
    uint64_t done;
    uint64_t total;
};

static enum cli_exit database_failed(const struct reading *reading, const char *table)
{
    int code = sqlite3_errcode(reading->database) & 0xff;
    bool busy = code == SQLITE_BUSY || code == SQLITE_LOCKED;
    cli_report(reading->cli, busy ? "TRY_AGAIN" : "INVALID_ARGUMENT", "%s%s%s: %s", reading->path,
               table ? ": table " : "", table ? table : "", sqlite3_errmsg(reading->database));
    return busy ? CLI_EXIT_TRY_AGAIN : CLI_EXIT_BAD_DATA;
}

/* "file:" and the path with what means something in a URI escaped; to be given to sqlite3_free().
 */
static char *immutable_uri(const char *path)
{
    sqlite3_str *uri = sqlite3_str_new(NULL);
    sqlite3_str_appendall(uri, "file:");
    for (; *path; path++) {
        if (strchr("%?#", *path))
            sqlite3_str_appendf(uri, "%%%02x", *path & 0xff);
        else
            sqlite3_str_appendchar(uri, 1, *path);
    }
    sqlite3_str_appendall(uri, "?immutable=1");
    return sqlite3_str_finish(uri);
}

/* Whether rows may stand in a write-ahead log, which an immutable database does not read. */
static bool has_log(const char *path)
{
    struct stat status;
    char *log = sqlite3_mprintf("%s-wal", path);
    bool found = !log || (stat(log, &status) == 0 && status.st_size > 0);
    sqlite3_free(log);
    return found;
}

static bool database_reads(sqlite3 *database)
{
    return sqlite3_exec(database, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) ==
           SQLITE_OK;
}

static void database_harden(sqlite3 *database)
{
    sqlite3_busy_timeout(database, BUSY_MS);
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
}

/* A database in WAL mode cannot be read where its folder cannot be written, unless as one that
 * nobody changes. */
static enum cli_exit database_open(struct reading *reading)
{
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_EXRESCODE;
    int status = sqlite3_open_v2(reading->path, &reading->database, flags, NULL);
    database_harden(reading->database);
    if (status == SQLITE_OK && database_reads(reading->database))
        return CLI_EXIT_OK;
    int code = sqlite3_errcode(reading->database) & 0xff;
    if ((code != SQLITE_CANTOPEN && code != SQLITE_READONLY) || has_log(reading->path))
        return database_failed(reading, NULL);
    char *uri = immutable_uri(reading->path);
    sqlite3_close(reading->database);
    status = sqlite3_open_v2(uri ? uri : "", &reading->database, flags | SQLITE_OPEN_URI, NULL);
    sqlite3_free(uri);
    database_harden(reading->database);
    if (status == SQLITE_OK && database_reads(reading->database))
        return CLI_EXIT_OK;
    return database_failed(reading, NULL);
}

/* Runs a query whose answer is one number. */
static uint64_t query_number(sqlite3 *database, const char *format, const char *table)
{
    sqlite3_stmt *statement = NULL;
    uint64_t number = 0;
    char *query = sqlite3_mprintf(format, table);
    if (query && sqlite3_prepare_v2(database, query, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_free(query);
    return number;
}

static bool table_exists(sqlite3 *database, const char *table)
{
    return query_number(database,
                        "SELECT count(*) FROM sqlite_schema WHERE type IN ('table', 'view') "
                        "AND name = %Q COLLATE NOCASE",
                        table) > 0;
}

static void map_columns(struct reading *reading, const struct rentbus_schema *schema)
{
    int count = sqlite3_column_count(reading->rows);
    reading->column_count = count < COLUMN_MAX ? count : COLUMN_MAX;
    for (int i = 0; i < reading->column_count; i++) {
        const char *name = sqlite3_column_name(reading->rows, i);
        reading->fields[i] = schema->count;
        for (size_t f = 0; name && f < schema->count; f++)
            if (strcasecmp(name, schema->fields[f].name) == 0)
                reading->fields[i] = f;
    }
}

static int column_set(struct reading *reading, int column, struct cli_row *row,
                      struct rentbus_fault *fault)
{
    size_t field = reading->fields[column];
    const struct rentbus_schema *schema = cli_row_schema(row);
    if (field == schema->count)
        return 0;
    switch (sqlite3_column_type(reading->rows, column)) {
    case SQLITE_NULL:
        return 0;
    case SQLITE_BLOB:
        return cli_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, schema->fields[field].name,
                             "is a blob, not text");
    case SQLITE_FLOAT:
        return cli_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, schema->fields[field].name,
                             "is a number with a fraction, not text");
    default:
        break;
    }
    struct rentbus_text text;
    text.data = (const char *)sqlite3_column_text(reading->rows, column);
    text.length = (size_t)sqlite3_column_bytes(reading->rows, column);
    if (!text.data || text.length > CLI_LINES_MAX)
        return cli_fault_set(fault, RENTBUS_ERROR_TOO_LARGE, schema->fields[field].name,
                             "is longer than %u bytes", CLI_LINES_MAX);
    return cli_row_set(row, field, text, fault);
}

/* The key of a row that is refused is shown as it stands in the table, whatever it is. */
static struct rentbus_text row_key(const struct reading *reading)
{
    struct rentbus_text key = {0};
    for (int i = 0; i < reading->column_count; i++) {
        const char *name = sqlite3_column_name(reading->rows, i);
        if (name && strcasecmp(name, "id") == 0) {
            key.data = (const char *)sqlite3_column_text(reading->rows, i);
            key.length = key.data ? (size_t)sqlite3_column_bytes(reading->rows, i) : 0;
        }
    }
    return key;
}

static enum cli_exit import_row(struct reading *reading)
{
    struct cli_row row = {.kind = reading->kind};
    struct cli_place place = {.table = cli_row_types[reading->kind].table};
    struct rentbus_fault fault;
    enum cli_exit exit = CLI_EXIT_OK;
    int status = 0;
    for (int i = 0; status == 0 && i < reading->column_count; i++)
        status = column_set(reading, i, &row, &fault);
    if (status == 0)
        status = cli_row_check(&row, &fault);
    place.key = status ? row_key(reading) : cli_row_id(&row);
    if (status)
        cli_importer_bad(reading->importer, &place, &fault);
    else
        exit = cli_importer_send(reading->importer, &row, &place);
    cli_row_release(&row);
    cli_importer_progress(reading->importer, ++reading->done, reading->total);
    return exit;
}

static enum cli_exit import_table(struct reading *reading, enum cli_row_kind kind)
{
    const char *table = cli_row_types[kind].table;
    char *query = sqlite3_mprintf("SELECT * FROM \"%w\"", table);
    enum cli_exit exit = CLI_EXIT_OK;
    int status = query ? sqlite3_prepare_v2(reading->database, query, -1, &reading->rows, NULL)
                       : SQLITE_NOMEM;
    sqlite3_free(query);
    reading->kind = kind;
    if (status == SQLITE_OK) {
        map_columns(reading, cli_row_schema(&(struct cli_row){.kind = kind}));
        while (exit == CLI_EXIT_OK && (status = sqlite3_step(reading->rows)) == SQLITE_ROW)
            exit = import_row(reading);
    }
    if (exit == CLI_EXIT_OK && status != SQLITE_DONE)
        exit = database_failed(reading, table);
    sqlite3_finalize(reading->rows);
    reading->rows = NULL;
    return exit;
}

/* A table that is damaged does not keep the next from being read. */
static bool go_on(enum cli_exit exit)
{
    return exit == CLI_EXIT_OK || exit == CLI_EXIT_BAD_DATA;
}

static enum cli_exit import_tables(struct reading *reading)
{
    enum cli_exit worst = CLI_EXIT_OK;
    bool there[CLI_ROW_KIND_COUNT] = {false};
    bool any = false;
    for (int i = 0; i < CLI_ROW_KIND_COUNT; i++) {
        const char *table = cli_row_types[i].table;
        there[i] = table && table_exists(reading->database, table);
        any = any || there[i];
        if (there[i] && isatty(STDERR_FILENO))
            reading->total += query_number(reading->database, "SELECT count(*) FROM \"%w\"", table);
    }
    if (!any) {
        cli_report(reading->cli, "INVALID_ARGUMENT", "%s: no table users, assets or rentals",
                   reading->path);
        return CLI_EXIT_BAD_DATA;
    }
    for (int i = 0; i < CLI_ROW_KIND_COUNT && go_on(worst); i++)
        if (there[i])
            worst = cli_exit_worse(worst, import_table(reading, (enum cli_row_kind)i));
    return worst;
}

enum cli_exit cli_import_sqlite(struct cli *cli, struct cli_importer *importer, const char *path)
{
    struct reading reading = {.cli = cli, .importer = importer, .path = path};
    enum cli_exit exit = database_open(&reading);
    if (exit == CLI_EXIT_OK)
        exit = import_tables(&reading);
    sqlite3_close(reading.database);
    return exit;
}
