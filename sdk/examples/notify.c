/* SPDX-License-Identifier: MPL-2.0 */
/* Writes a mail for each thing that is due soon, is late, or came back: notify CONSUMER
 * Each mail ends with a line that has a dot alone, as sendmail(8) likes it. */
#include <rentbus/rentbus.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct letter {
    const char *type;
    const char *subject;
    const char *text;
};

static const struct letter letters[] = {
    {"RENTAL_DUE_SOON_EVENT", "Please bring it back soon", "is due on"},
    {"RENTAL_EXPIRED_EVENT", "It is time to bring it back", "was due on"},
    {"RENTAL_RETURN_COMPLETE_EVENT", "Thank you", "came back; it was due on"},
};

static int rental_of(const struct rentbus_event *event, struct rentbus_rental *rental)
{
    struct rentbus_rental_data data;
    /* The data of all three types has the rental, under this name. */
    int error = rentbus_event_data(event, &rentbus_rental_data_schema, &data);
    if (!error)
        *rental = data.rental;
    return error;
}

static void write_letter(const struct letter *letter, const struct rentbus_rental *rental)
{
    char due[RENTBUS_TIME_TEXT_SIZE];
    rentbus_time_format(rental->expires_at, due);
    printf("To: %.*s\nSubject: %s\n\nHello,\n\n%.*s %s %.10s.\n.\n",
           RENTBUS_TEXT_ARGS(rental->user_id), letter->subject, RENTBUS_TEXT_ARGS(rental->asset_id),
           letter->text, due);
}

static enum rentbus_handled handle(void *context, struct rentbus_handling *handling)
{
    struct rentbus_rental rental;
    (void)context;
    if (rental_of(handling->event, &rental) != 0) {
        handling->error = "no rental in it";
        handling->fatal = true;
        return RENTBUS_FAILED;
    }
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        if (rentbus_text_equal(handling->event->type, rentbus_text(letters[i].type)))
            write_letter(&letters[i], &rental);
    }
    return fflush(stdout) == 0 ? RENTBUS_HANDLED : RENTBUS_RETRY;
}

/* Makes the consumer, or leaves it as it is. */
static int subscribe(const char *consumer)
{
    struct rentbus_client *client = NULL;
    struct rentbus_consumer_put_args args = {0};
    args.has = RENTBUS_BIT(consumer_put_args, types);
    RENTBUS_SET(&args, consumer_put_args, id, rentbus_text(consumer));
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        args.types.items[args.types.count++] = rentbus_text(letters[i].type);
    int status = rentbus_client_open(NULL, &client);
    if (status == 0)
        status = rentbus_consumer_put(client, NULL, &args, NULL);
    rentbus_client_close(&client);
    return status;
}

static void stop(int signal)
{
    (void)signal;
    rentbus_worker_stop();
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    const struct rentbus_worker_options options = {.consumer = argv[1]};
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    int status = subscribe(argv[1]);
    if (status == 0)
        status = rentbus_worker_run(&options, handle, NULL);
    return status == 0 ? 0 : 1;
}
