/* SPDX-License-Identifier: MPL-2.0 */
/* Counts what each user has brought back, and grants a reward for every third time: rewards
 * CONSUMER
 *
 * All that it knows comes from the journal, and a reward is an event that names its cause. So it
 * may be killed, its consumer may be reset to the first event, and nobody is rewarded twice. */
#include <inttypes.h>
#include <rentbus/rentbus.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETURNS_PER_REWARD 3
#define RETURN_TYPE "RENTAL_RETURN_COMPLETE_EVENT"
#define REWARD_TYPE "reward.granted"

struct known_return {
    uint64_t seq;
    char user[RENTBUS_ID_MAX + 1];
    bool rewarded;
};

/* The journal up to `next`, as far as it matters here. */
struct book {
    struct rentbus_client *client;
    uint64_t next;
    struct known_return *returns; /* by seq */
    size_t count;
};

static struct known_return *find(const struct book *book, uint64_t seq)
{
    for (size_t i = 0; i < book->count; i++) {
        if (book->returns[i].seq == seq)
            return &book->returns[i];
    }
    return NULL;
}

static int note_return(struct book *book, const struct rentbus_event *event)
{
    struct rentbus_complete_data data;
    int error = rentbus_event_data(event, &rentbus_complete_data_schema, &data);
    if (error)
        return error;
    struct known_return *grown = realloc(book->returns, (book->count + 1) * sizeof(*book->returns));
    if (!grown)
        return -1;
    book->returns = grown;
    grown[book->count] = (struct known_return){.seq = event->seq};
    snprintf(grown[book->count++].user, sizeof(grown->user), "%.*s",
             RENTBUS_TEXT_ARGS(data.rental.user_id));
    return 0;
}

static int note(struct book *book, const struct rentbus_event *event)
{
    if (rentbus_text_equal(event->type, rentbus_text(RETURN_TYPE)))
        return note_return(book, event);
    struct known_return *rewarded = find(book, event->cause);
    if (rewarded)
        rewarded->rewarded = true;
    return 0;
}

/* Reads on until the end of the journal. */
static int read_journal(struct book *book)
{
    struct rentbus_events_read_args args = {0};
    struct rentbus_event_page page = {0};
    struct rentbus_event event;
    int status = 0;
    args.has = RENTBUS_BIT(events_read_args, types);
    args.types.items[args.types.count++] = rentbus_text(RETURN_TYPE);
    args.types.items[args.types.count++] = rentbus_text(REWARD_TYPE);
    do {
        size_t position = 0;
        RENTBUS_SET(&args, events_read_args, from_seq, book->next);
        status = rentbus_events_read(book->client, NULL, &args, &page);
        while (status == 0 &&
               rentbus_list_next(&page.events, &rentbus_event_schema, &position, &event) == 1)
            status = note(book, &event);
        if (status == 0)
            book->next = page.next_seq;
    } while (status == 0 && book->next <= page.head);
    return status;
}

/* The how-manieth return of its user this one is. */
static int number_of(const struct book *book, const struct known_return *given)
{
    int number = 0;
    for (const struct known_return *at = book->returns; at <= given; at++)
        number += strcmp(at->user, given->user) == 0;
    return number;
}

/* Says what is to be done about the event. The reward and the acknowledgement are recorded
 * together, or neither is. */
static int handle(struct book *book, struct rentbus_worker *worker,
                  const struct rentbus_delivery *delivery)
{
    static const char reward[] = "{\"type\":\"" REWARD_TYPE "\",\"data\":{}}";
    struct rentbus_new_event event = {0};
    struct rentbus_fault fault;
    void *storage = NULL;
    const struct known_return *returned = NULL;
    if (read_journal(book) != 0 || !(returned = find(book, delivery->event.seq)))
        return rentbus_worker_nack(worker, delivery, "cannot read the journal",
                                   RENTBUS_DELAY_DEFAULT, false);
    int number = number_of(book, returned);
    if (returned->rewarded || number % RETURNS_PER_REWARD != 0)
        return rentbus_worker_ack(worker, delivery);
    int status = rentbus_from_json(&rentbus_new_event_schema, reward, strlen(reward), &event,
                                   &storage, &fault);
    RENTBUS_SET(&event, new_event, subject, rentbus_text(returned->user));
    if (status == 0)
        status = rentbus_worker_ack_publish(worker, delivery, &event, 1);
    rentbus_free(storage);
    if (status == 0)
        printf("%s brought %d things back\n", returned->user, number);
    fflush(stdout);
    return status;
}

/* Makes the consumer, or leaves it as it is. */
static int subscribe(struct rentbus_client *client, const char *consumer)
{
    struct rentbus_consumer_put_args args = {0};
    args.has = RENTBUS_BIT(consumer_put_args, types);
    args.types.items[args.types.count++] = rentbus_text(RETURN_TYPE);
    RENTBUS_SET(&args, consumer_put_args, id, rentbus_text(consumer));
    RENTBUS_SET(&args, consumer_put_args, start, RENTBUS_BEGINNING_first);
    return rentbus_consumer_put(client, NULL, &args, NULL);
}

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

int main(int argc, char **argv)
{
    struct book book = {.next = 1};
    struct rentbus_worker *worker = NULL;
    struct rentbus_delivery delivery;
    if (argc != 2)
        return 2;
    /* There is only one, under a name of its own: after a crash it takes over what it had in hand.
     */
    const struct rentbus_worker_options options = {.consumer = argv[1], .worker = "rewards"};
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    int status = rentbus_client_open(NULL, &book.client);
    if (status == 0)
        status = subscribe(book.client, argv[1]);
    if (status == 0)
        status = rentbus_worker_open(&options, &worker);
    while (status == 0 && !stopped) {
        /* A signal ends the wait; one that comes just before it, a second later. */
        int got = rentbus_worker_next(worker, 1000, &delivery);
        if (got == 1)
            status = handle(&book, worker, &delivery);
        else if (got != 0 && !stopped)
            status = got;
    }
    rentbus_worker_close(&worker);
    rentbus_client_close(&book.client);
    free(book.returns);
    return status == 0 ? 0 : 1;
}
