/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/bench_load.h"

#include "cli/report.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
/* How often a thread looks whether it should end, and the progress is drawn. */
#define LOOK_NS (SECOND_NS / 10)
#define LOOK_MS 200
#define LIST_LIMIT 20

const char *const bench_op_names[BENCH_OPS] = {"get", "list", "return", "checkout"};

struct load {
    const struct bench_plan *plan;
    struct rentbus_options options;
    uint64_t share_sum;
    int64_t start;
    atomic_bool stopping;
    atomic_uint_fast64_t tickets; /* given out */
    atomic_uint_fast64_t answered;
    int finished_fd; /* an eventfd: counts threads that have ended */
    pthread_mutex_t mutex;
    struct bench_data data; /* first and out: guarded by the mutex */
};

struct worker;

struct call {
    struct worker *worker;
    struct call *next; /* of the free ones */
    enum bench_op op;
    int64_t intended; /* when it was to be sent */
};

struct worker {
    struct load *load;
    pthread_t thread;
    struct rentbus_client *client;
    uint64_t random;
    uint64_t sent;
    int64_t phase; /* of its send times, so that clients take turns */
    int failed;    /* a negative errno */
    struct call *calls;
    struct call *free;
    struct bench_outcome outcome;
};

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static uint64_t pick(struct worker *worker, uint64_t below)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return worker->random % below;
}

/* ---- requests ---- */

static void completed(void *context, const struct rentbus_completion *completion)
{
    struct call *call = context;
    struct worker *worker = call->worker;
    struct bench_outcome *outcome = &worker->outcome;
    int status = completion->status;
    if (status == 0) {
        int64_t elapsed = clock_ns() - call->intended;
        cli_histogram_add(&outcome->latency[call->op], elapsed > 0 ? (uint64_t)elapsed : 0);
        const struct rentbus_command_result *result = completion->result;
        if (call->op >= BENCH_RETURN && result->outcome == RENTBUS_OUTCOME_REJECTED)
            outcome->rejected++;
    } else if (status > 0 && status < BENCH_ERROR_TIMEOUT) {
        outcome->errors[status]++;
    } else {
        outcome->errors[status == -ETIMEDOUT ? BENCH_ERROR_TIMEOUT : BENCH_ERROR_OTHER]++;
    }
    worker->load->answered++;
    call->next = worker->free;
    worker->free = call;
}

static int start_get(struct worker *worker, struct call *call)
{
    char id[BENCH_ID_SIZE];
    const struct bench_data *data = &worker->load->data;
    struct rentbus_rental_get_args args = {0};
    if (data->open > 0)
        bench_open_id(pick(worker, data->open), id);
    else
        bench_closed_id(data->closed ? pick(worker, data->closed) : 0, id);
    RENTBUS_SET(&args, rental_get_args, rental_id, rentbus_text(id));
    return rentbus_call_start(worker->client, RENTBUS_OP_rental_get, NULL, &args, completed, call);
}

static int start_list(struct worker *worker, struct call *call)
{
    char user[BENCH_ID_SIZE];
    struct rentbus_rental_list_args args = {0};
    bench_user_id(pick(worker, worker->load->data.users), user);
    RENTBUS_SET(&args, rental_list_args, user_id, rentbus_text(user));
    RENTBUS_SET(&args, rental_list_args, limit, LIST_LIMIT);
    return rentbus_call_start(worker->client, RENTBUS_OP_rental_list, NULL, &args, completed, call);
}

/* The things are a ring: the one that has been out for longest comes back, and the one that has
 * been back for longest goes out. When there is none for a scan, it becomes the other one. */
static uint64_t take_asset(struct load *load, enum bench_op *op)
{
    struct bench_data *data = &load->data;
    pthread_mutex_lock(&load->mutex);
    if (*op == BENCH_RETURN && data->out == 0)
        *op = BENCH_CHECKOUT;
    else if (*op == BENCH_CHECKOUT && data->out == data->assets)
        *op = BENCH_RETURN;
    uint64_t asset = data->first;
    if (*op == BENCH_CHECKOUT) {
        asset = (data->first + data->out++) % data->assets;
    } else {
        data->first = (data->first + 1) % data->assets;
        data->out--;
    }
    pthread_mutex_unlock(&load->mutex);
    return asset;
}

static int start_scan(struct worker *worker, struct call *call)
{
    char user[BENCH_ID_SIZE];
    char asset[BENCH_ID_SIZE];
    char location[BENCH_ID_SIZE];
    uint64_t number = take_asset(worker->load, &call->op);
    bench_user_id(number % worker->load->data.users, user);
    bench_asset_id(number, asset);
    bench_location_id(pick(worker, UINT32_MAX), location);
    if (call->op == BENCH_CHECKOUT) {
        struct rentbus_checkout_args args = {0};
        RENTBUS_SET(&args, checkout_args, user_id, rentbus_text(user));
        RENTBUS_SET(&args, checkout_args, asset_id, rentbus_text(asset));
        RENTBUS_SET(&args, checkout_args, location_id, rentbus_text(location));
        return rentbus_call_start(worker->client, RENTBUS_OP_rental_checkout, NULL, &args,
                                  completed, call);
    }
    struct rentbus_return_args args = {0};
    RENTBUS_SET(&args, return_args, user_id, rentbus_text(user));
    RENTBUS_SET(&args, return_args, asset_id, rentbus_text(asset));
    RENTBUS_SET(&args, return_args, location_id, rentbus_text(location));
    RENTBUS_SET(&args, return_args, timestamp, cli_now());
    return rentbus_call_start(worker->client, RENTBUS_OP_rental_return, NULL, &args, completed,
                              call);
}

static enum bench_op pick_op(struct worker *worker)
{
    const struct bench_plan *plan = worker->load->plan;
    uint64_t left = pick(worker, worker->load->share_sum);
    enum bench_op op = 0;
    while (left >= plan->shares[op])
        left -= plan->shares[op++];
    return op;
}

static int start_call(struct worker *worker, int64_t intended)
{
    static int (*const starts[BENCH_OPS])(struct worker *, struct call *) = {
        [BENCH_GET] = start_get,
        [BENCH_LIST] = start_list,
        [BENCH_RETURN] = start_scan,
        [BENCH_CHECKOUT] = start_scan,
    };
    struct call *call = worker->free;
    worker->free = call->next;
    call->intended = intended;
    call->op = pick_op(worker);
    worker->sent++;
    return starts[call->op](worker, call);
}

/* ---- a client ---- */

/* When the next request is to be sent: with a rate, its time, whether it can be kept or not. */
static int64_t next_time(const struct worker *worker, int64_t now)
{
    const struct bench_plan *plan = worker->load->plan;
    if (plan->rate <= 0)
        return now;
    double interval = (double)SECOND_NS * (double)plan->clients / plan->rate;
    return worker->load->start + worker->phase + (int64_t)(interval * (double)worker->sent);
}

static bool ended(struct load *load, int64_t intended)
{
    const struct bench_plan *plan = load->plan;
    return load->stopping || (plan->duration_ns && intended >= load->start + plan->duration_ns);
}

static bool take_ticket(struct load *load)
{
    return atomic_fetch_add(&load->tickets, 1) < load->plan->count || load->plan->count == 0;
}

static void wait_until(struct worker *worker, int64_t until)
{
    struct pollfd ready = {.fd = rentbus_client_fd(worker->client), .events = POLLIN};
    int64_t left = until - clock_ns();
    if (left < 0)
        left = 0;
    if (left > LOOK_NS)
        left = LOOK_NS;
    struct timespec timeout = {left / SECOND_NS, left % SECOND_NS};
    if (ppoll(&ready, 1, &timeout, NULL) < 0 && errno != EINTR)
        worker->failed = -errno;
    int status = rentbus_client_process(worker->client);
    if (status < 0)
        worker->failed = status;
}

/* Sends what is due. False when there is nothing more to send. */
static bool send_due(struct worker *worker)
{
    while (worker->free) {
        int64_t now = clock_ns();
        int64_t intended = next_time(worker, now);
        if (ended(worker->load, intended))
            return false;
        if (intended > now)
            return true;
        if (!take_ticket(worker->load))
            return false;
        worker->failed = start_call(worker, intended);
        if (worker->failed)
            return false;
    }
    return !worker->load->stopping;
}

static void *worker_run(void *argument)
{
    struct worker *worker = argument;
    uint64_t one = 1;
    while (send_due(worker) && !worker->failed)
        wait_until(worker, worker->free && worker->load->plan->rate > 0 ? next_time(worker, 0)
                                                                        : clock_ns() + LOOK_NS);
    while (!worker->failed && rentbus_client_in_flight(worker->client) > 0)
        wait_until(worker, clock_ns() + LOOK_NS);
    ssize_t written = write(worker->load->finished_fd, &one, sizeof(one));
    (void)written; /* an eventfd takes it */
    return NULL;
}

static int worker_open(struct worker *worker, struct load *load, uint64_t number)
{
    const struct bench_plan *plan = load->plan;
    worker->load = load;
    worker->random = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    if (plan->rate > 0)
        worker->phase = (int64_t)((double)SECOND_NS * (double)number / plan->rate);
    worker->calls = calloc(plan->in_flight, sizeof(*worker->calls));
    if (!worker->calls)
        return -ENOMEM;
    for (uint64_t i = 0; i < plan->in_flight; i++) {
        worker->calls[i].worker = worker;
        worker->calls[i].next = worker->free;
        worker->free = &worker->calls[i];
    }
    return rentbus_client_open(&load->options, &worker->client);
}

static void worker_close(struct worker *worker)
{
    rentbus_client_close(&worker->client);
    free(worker->calls);
}

/* ---- all of them ---- */

static void show(const struct load *load)
{
    double seconds = (double)(clock_ns() - load->start) / (double)SECOND_NS;
    uint64_t answered = load->answered;
    fprintf(stderr, "\r%.0f s  %llu requests  %.0f/s   ", seconds, (unsigned long long)answered,
            (double)answered / seconds);
}

/* Until every thread has ended; a signal ends them. */
static void watch(struct load *load, int signal_fd)
{
    struct pollfd items[] = {{.fd = load->finished_fd, .events = POLLIN},
                             {.fd = signal_fd, .events = POLLIN}};
    bool terminal = isatty(STDERR_FILENO);
    uint64_t finished = 0;
    while (finished < load->plan->clients) {
        uint64_t more;
        struct signalfd_siginfo signal;
        poll(items, 2, LOOK_MS);
        if (items[0].revents && read(load->finished_fd, &more, sizeof(more)) == sizeof(more))
            finished += more;
        if (items[1].revents && read(signal_fd, &signal, sizeof(signal)) == sizeof(signal))
            load->stopping = true;
        if (terminal)
            show(load);
    }
    if (terminal)
        fputs("\r\033[K", stderr);
}

static void collect(const struct worker *worker, struct bench_outcome *outcome)
{
    for (size_t op = 0; op < BENCH_OPS; op++)
        cli_histogram_merge(&outcome->latency[op], &worker->outcome.latency[op]);
    for (size_t i = 0; i < BENCH_ERRORS; i++)
        outcome->errors[i] += worker->outcome.errors[i];
    outcome->rejected += worker->outcome.rejected;
}

/* A thread that cannot be started counts as one that has ended. */
static int start_workers(struct load *load, struct worker *workers)
{
    uint64_t one = 1;
    int failed = 0;
    load->start = clock_ns();
    for (uint64_t i = 0; i < load->plan->clients; i++) {
        int error = pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]);
        if (error == 0)
            continue;
        workers[i].load = NULL;
        failed = -error;
        load->stopping = true;
        ssize_t written = write(load->finished_fd, &one, sizeof(one));
        (void)written; /* as above */
    }
    return failed;
}

static int run_workers(struct load *load, struct worker *workers, int signal_fd,
                       struct bench_outcome *outcome)
{
    int failed = 0;
    for (uint64_t i = 0; i < load->plan->clients && !failed; i++)
        failed = worker_open(&workers[i], load, i);
    if (failed)
        return failed;
    failed = start_workers(load, workers);
    watch(load, signal_fd);
    outcome->seconds = (double)(clock_ns() - load->start) / (double)SECOND_NS;
    for (uint64_t i = 0; i < load->plan->clients; i++) {
        if (!workers[i].load)
            continue;
        pthread_join(workers[i].thread, NULL);
        collect(&workers[i], outcome);
        if (workers[i].failed)
            failed = workers[i].failed;
    }
    return failed;
}

enum cli_exit bench_load_run(struct cli *cli, const struct bench_plan *plan,
                             struct bench_data *data, struct bench_outcome *outcome)
{
    struct load load = {.plan = plan, .options = cli->options, .data = *data};
    struct worker *workers = calloc(plan->clients, sizeof(*workers));
    sigset_t signals;
    sigset_t before;
    load.options.in_flight_max = (uint32_t)plan->in_flight;
    for (size_t i = 0; i < BENCH_OPS; i++)
        load.share_sum += plan->shares[i];
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
    pthread_mutex_init(&load.mutex, NULL);
    load.finished_fd = eventfd(0, EFD_CLOEXEC);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    int status = workers && load.finished_fd >= 0 && signal_fd >= 0
                     ? run_workers(&load, workers, signal_fd, outcome)
                     : -ENOMEM;
    for (uint64_t i = 0; workers && i < plan->clients; i++)
        worker_close(&workers[i]);
    free(workers);
    close(load.finished_fd);
    close(signal_fd);
    pthread_mutex_destroy(&load.mutex);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    data->first = load.data.first;
    data->out = load.data.out;
    if (status == 0)
        return CLI_EXIT_OK;
    cli_report_failure(cli, status, NULL);
    return cli_exit_of_status(status);
}
