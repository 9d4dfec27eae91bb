/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/pages.h"

#include "cli/report.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE_ITEMS 500

/* One walk over a list. `args` and `result` are structs of the operation. */
struct walk {
    struct cli *cli;
    enum rentbus_op op;
    const struct rentbus_op_row *row;
    const struct rentbus_field *items; /* of the result */
    void *args;
    void *result;
    void *item;
    uint64_t left;
    char cursor[RENTBUS_TEXT_MAX];
    cli_pages_item *each;
    void *context;
};

/* Where the field of that name is, and its bit in *bit. */
static void *member(const struct rentbus_schema *schema, const char *name, void *value,
                    uint64_t *bit)
{
    size_t index = rentbus_schema_find(schema, name, strlen(name));
    *bit = UINT64_C(1) << index;
    return (char *)value + schema->fields[index].offset;
}

/* Copies the cursor of the page read, which the next call would overwrite, into the arguments.
 * Whether there is one. */
static bool walk_turn(struct walk *walk)
{
    uint64_t bit;
    const struct rentbus_text *cursor = member(walk->row->result, "cursor", walk->result, &bit);
    if (!(*(uint64_t *)walk->result & bit) || cursor->length > sizeof(walk->cursor))
        return false;
    memcpy(walk->cursor, cursor->data, cursor->length);
    struct rentbus_text copy = {walk->cursor, cursor->length};
    struct rentbus_text *next = member(walk->row->args, "cursor", walk->args, &bit);
    *next = copy;
    *(uint64_t *)walk->args |= bit;
    return true;
}

static enum cli_exit walk_items(struct walk *walk)
{
    const struct rentbus_list *list =
        (const void *)((const char *)walk->result + walk->items->offset);
    size_t position = 0;
    enum cli_exit exit = CLI_EXIT_OK;
    int status = 0;
    while (exit == CLI_EXIT_OK && walk->left > 0 &&
           (status = rentbus_list_next(list, walk->items->schema, &position, walk->item)) > 0) {
        exit = walk->each(walk->context, walk->item);
        walk->left--;
    }
    if (status < 0) {
        cli_report_failure(walk->cli, status, NULL);
        exit = cli_exit_of_status(status);
    }
    return exit;
}

static enum cli_exit walk_pages(struct walk *walk)
{
    enum cli_exit exit;
    bool more;
    do {
        uint64_t bit;
        uint64_t *limit = member(walk->row->args, "limit", walk->args, &bit);
        *limit = walk->left < PAGE_ITEMS ? walk->left : PAGE_ITEMS;
        *(uint64_t *)walk->args |= bit;
        exit = cli_call(walk->cli, walk->op, NULL, walk->args, walk->result);
        if (exit == CLI_EXIT_OK)
            exit = walk_items(walk);
        more = exit == CLI_EXIT_OK && walk->left > 0 && walk_turn(walk);
    } while (more);
    return exit;
}

/* The one field of a page that holds its items. */
static const struct rentbus_field *items_field(const struct rentbus_schema *page)
{
    const struct rentbus_field *field = page->fields;
    while (field->kind != RENTBUS_KIND_MAPS)
        field++;
    return field;
}

enum cli_exit cli_pages_read(struct cli *cli, enum rentbus_op op, void *args, uint64_t limit,
                             cli_pages_item *each, void *context)
{
    struct walk walk = {.cli = cli,
                        .op = op,
                        .row = &rentbus_op_rows[op],
                        .items = items_field(rentbus_op_rows[op].result),
                        .args = args,
                        .left = limit,
                        .each = each,
                        .context = context};
    enum cli_exit exit = CLI_EXIT_INTERNAL;
    walk.result = calloc(1, walk.row->result->size);
    walk.item = calloc(1, walk.items->schema->size);
    if (walk.result && walk.item)
        exit = limit > 0 ? walk_pages(&walk) : CLI_EXIT_OK;
    else
        cli_report_failure(cli, -ENOMEM, NULL);
    free(walk.item);
    free(walk.result);
    return exit;
}
