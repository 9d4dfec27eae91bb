/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/journal/meta.h"

#include <string.h>

#include "sdk/protocol/text.h"

/* The number of tables: all of them, or those called meta. -errno. */
static int meta_count_tables(sqlite3 *db, bool only_meta)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite_prepare(
        db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND (?1 = 0 OR name = 'meta')",
        &statement);

    if (r == 0)
        r = sqlite_bind_uint(statement, 1, only_meta);
    if (r == 0)
        r = sqlite_step(statement);
    if (r == 1)
        r = sqlite3_column_int(statement, 0);
    sqlite_finalize(&statement);
    return r;
}

/* Whether the key has the value: 1, 0, or -errno. */
static int meta_has(sqlite3 *db, const char *key, struct rentbus_text value)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite_prepare(db, "SELECT 1 FROM meta WHERE key = ?1 AND CAST(value AS TEXT) = ?2",
                           &statement);

    if (r == 0)
        r = sqlite_bind_text(statement, 1, rentbus_text(key));
    if (r == 0)
        r = sqlite_bind_text(statement, 2, value);
    if (r == 0)
        r = sqlite_step(statement);
    sqlite_finalize(&statement);
    return r;
}

static int meta_judge_rows(sqlite3 *db, const struct meta_identity *wanted,
                           enum meta_verdict *verdict)
{
    char format[24];
    sqlite3_snprintf(sizeof(format), format, "%llu", (unsigned long long)wanted->format);
    const struct {
        const char *key;
        const char *value;
        enum meta_verdict otherwise;
    } rows[] = {
        {"kind", wanted->kind, META_OTHER_KIND},
        {"format", format, META_OTHER_FORMAT},
        {"ledger", wanted->ledger, META_OTHER_LEDGER},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (!rows[i].value)
            continue;
        int r = meta_has(db, rows[i].key, rentbus_text(rows[i].value));
        if (r < 0)
            return r;
        if (r == 0) {
            *verdict = rows[i].otherwise;
            return 0;
        }
    }
    *verdict = META_OURS;
    return 0;
}

int meta_judge(sqlite3 *db, const struct meta_identity *wanted, enum meta_verdict *verdict)
{
    int tables = meta_count_tables(db, false);
    int metas = tables > 0 ? meta_count_tables(db, true) : tables;

    if (tables < 0 && sqlite3_errcode(db) == SQLITE_NOTADB) {
        *verdict = META_NOT_DATABASE;
        return 0;
    }
    if (tables < 0 || metas < 0)
        return tables < 0 ? tables : metas;
    if (tables > 0 && metas > 0)
        return meta_judge_rows(db, wanted, verdict);
    *verdict = tables == 0 ? META_EMPTY : META_OTHER_KIND;
    return 0;
}

int meta_create(sqlite3 *db, const struct meta_identity *identity)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite_execute(db, "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID");

    if (r == 0)
        r = sqlite_prepare(
            db, "INSERT INTO meta VALUES('kind', ?1), ('format', ?2), ('ledger', ?3)", &statement);
    if (r == 0)
        r = sqlite_bind_text(statement, 1, rentbus_text(identity->kind));
    if (r == 0)
        r = sqlite_bind_uint(statement, 2, identity->format);
    if (r == 0)
        r = sqlite_bind_text(statement, 3, rentbus_text(identity->ledger));
    if (r == 0)
        r = sqlite_run(statement);
    sqlite_finalize(&statement);
    return r;
}
