/* SPDX-License-Identifier: MPL-2.0 */
/* Takes back what lies in a bin, all in one request: batch LOCATION_ID ASSET_ID... */
#include <rentbus/rentbus.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int add_returns(struct rentbus_batch_builder *builder, const char *location, char **assets,
                       int count)
{
    int status = 0;
    for (int i = 0; i < count && status == 0; i++) {
        struct rentbus_return_args args = {0};
        RENTBUS_SET(&args, return_args, timestamp, (int64_t)time(NULL) * RENTBUS_SECOND);
        RENTBUS_SET(&args, return_args, location_id, rentbus_text(location));
        RENTBUS_SET(&args, return_args, asset_id, rentbus_text(assets[i]));
        /* NULL makes a command id. A device keeps its own beside each scan, and gives it here. */
        status = rentbus_batch_add(builder, RENTBUS_OP_rental_return, NULL, &args);
    }
    return status;
}

static int send_batch(struct rentbus_client *client, const struct rentbus_batch_builder *builder,
                      struct rentbus_batch_result *result)
{
    struct rentbus_batch_args args = {0};
    RENTBUS_SET(&args, batch_args, commands, rentbus_batch_commands(builder));
    return rentbus_batch(client, NULL, &args, result);
}

/* One line for each thing: the outcome, and every rule that stands against it. */
static void print_reply(const char *asset, const struct rentbus_batch_reply *reply)
{
    if (!reply->ok) {
        printf("%s: %.*s\n", asset, RENTBUS_TEXT_ARGS(reply->error.message));
        return;
    }
    printf("%s: %s", asset, rentbus_word_text(&rentbus_outcome_words, (int)reply->result.outcome));
    for (size_t i = 0; i < reply->result.reasons.count; i++)
        printf(" %.*s", RENTBUS_TEXT_ARGS(reply->result.reasons.items[i]));
    puts("");
}

int main(int argc, char **argv)
{
    struct rentbus_client *client = NULL;
    struct rentbus_batch_builder *builder = NULL;
    struct rentbus_batch_result result;
    struct rentbus_batch_reply reply;
    size_t position = 0;
    if (argc < 3 || rentbus_client_open(NULL, &client) != 0)
        return 2;

    int status = rentbus_batch_open(client, &builder);
    if (status == 0)
        status = add_returns(builder, argv[1], argv + 2, argc - 2);
    if (status == 0)
        status = send_batch(client, builder, &result);
    for (int i = 2; status == 0 && i < argc; i++) {
        if (rentbus_list_next(&result.replies, &rentbus_batch_reply_schema, &position, &reply) == 1)
            print_reply(argv[i], &reply);
    }
    if (status != 0)
        fprintf(stderr, "%s\n",
                status < 0 ? strerror(-status) : rentbus_client_fault(client)->message);
    rentbus_batch_close(&builder);
    rentbus_client_close(&client);
    return status == 0 ? 0 : 1;
}
