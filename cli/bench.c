/* SPDX-License-Identifier: MPL-2.0 */
/* A load generator. */
#include "cli/bench_load.h"
#include "cli/field.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MIX_DEFAULT "get=80,list=5,return=10,checkout=5"
#define SHARE_MAX 1000000
#define RATE_MAX 10000000
#define DURATION_DEFAULT_MS 10000
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US 1000.0

static const struct cli_option options[] = {
    {"prepare", "SIZES", "fill the ledger: USERS,ASSETS,OPEN or USERS,ASSETS,OPEN,CLOSED", NULL},
    {"yes", NULL, "with --prepare: also a ledger that holds other things", NULL},
    {"mix", "MIX", "shares of the requests; " MIX_DEFAULT " unless said", NULL},
    {"in-flight", "N", "requests that each client has in flight; 64 unless said", NULL},
    {"clients", "N", "clients, each with a thread; 1 unless said", NULL},
    {"duration", "SPAN", "for so long; 10 s unless said, or --count is", NULL},
    {"count", "N", "so many requests", NULL},
    {"rate", "N", "so many requests a second; as fast as answers come unless said", NULL},
};

/* What is asked of the latencies. */
static const struct {
    const char *name;
    double share;
} quantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}, {"p99_99", 0.9999},
};
#define QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

/* ---- what is asked for ---- */

static bool op_find(struct rentbus_text name, enum bench_op *op)
{
    for (*op = 0; *op < BENCH_OPS; (*op)++)
        if (strlen(bench_op_names[*op]) == name.length &&
            memcmp(bench_op_names[*op], name.data, name.length) == 0)
            return true;
    return false;
}

/* "get=80,return=20": false when it is something else. */
static bool mix_parse(const char *text, uint64_t shares[BENCH_OPS])
{
    uint64_t sum = 0;
    memset(shares, 0, BENCH_OPS * sizeof(*shares));
    for (;;) {
        enum bench_op op;
        size_t length = strcspn(text, ",");
        const char *sign = memchr(text, '=', length);
        if (!sign || !op_find((struct rentbus_text){text, (size_t)(sign - text)}, &op) ||
            !cli_number_parse((struct rentbus_text){sign + 1, (size_t)(text + length - sign - 1)},
                              &shares[op]) ||
            shares[op] > SHARE_MAX)
            return false;
        sum += shares[op];
        if (text[length] == '\0')
            return sum > 0;
        text += length + 1;
    }
}

static enum cli_exit number_within(const struct cli *cli, const struct cli_line *line,
                                   const char *option, uint64_t most, uint64_t *out)
{
    enum cli_exit exit = cli_line_number(cli, line, option, out);
    if (exit == CLI_EXIT_OK && cli_line_has(line, option) && (*out < 1 || *out > most))
        return cli_report_usage(cli, "--%s must be from 1 to %" PRIu64, option, most);
    return exit;
}

static enum cli_exit plan_read(const struct cli *cli, const struct cli_line *line,
                               struct bench_plan *plan)
{
    const char *mix = cli_line_value(line, "mix");
    uint32_t duration_ms = DURATION_DEFAULT_MS;
    uint64_t rate = 0;
    *plan = (struct bench_plan){.in_flight = 64, .clients = 1};
    if (!mix_parse(mix ? mix : MIX_DEFAULT, plan->shares))
        return cli_report_usage(cli, "--mix must be like " MIX_DEFAULT ", each at most %d",
                                SHARE_MAX);
    enum cli_exit exit =
        number_within(cli, line, "in-flight", BENCH_IN_FLIGHT_MAX, &plan->in_flight);
    if (exit == CLI_EXIT_OK)
        exit = number_within(cli, line, "clients", BENCH_CLIENTS_MAX, &plan->clients);
    if (exit == CLI_EXIT_OK)
        exit = number_within(cli, line, "count", UINT64_MAX, &plan->count);
    if (exit == CLI_EXIT_OK)
        exit = number_within(cli, line, "rate", RATE_MAX, &rate);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_milliseconds(cli, line, "duration", &duration_ms);
    plan->rate = (double)rate;
    if (cli_line_has(line, "duration") || plan->count == 0)
        plan->duration_ns = duration_ms * NS_PER_MS;
    return exit;
}

/* ---- what came of it ---- */

static double us(uint64_t nanoseconds)
{
    return (double)nanoseconds / NS_PER_US;
}

static void latency_print(const char *name, const struct cli_histogram *latency, double seconds)
{
    printf("%-10s%12" PRIu64 "%12.0f", name, latency->count, (double)latency->count / seconds);
    for (size_t i = 0; i < QUANTILES; i++)
        printf("%10.0f", us(cli_histogram_at(latency, quantiles[i].share)));
    printf("%10.0f\n", us(latency->maximum));
}

static void latency_json(const char *name, const struct cli_histogram *latency, double seconds)
{
    printf("\"%s\":{\"requests\":%" PRIu64 ",\"per_second\":%.1f", name, latency->count,
           (double)latency->count / seconds);
    for (size_t i = 0; i < QUANTILES; i++)
        printf(",\"%s_us\":%.1f", quantiles[i].name,
               us(cli_histogram_at(latency, quantiles[i].share)));
    printf(",\"max_us\":%.1f}", us(latency->maximum));
}

static const char *error_name(size_t error)
{
    if (error == BENCH_ERROR_TIMEOUT)
        return "TIMEOUT";
    const char *name = rentbus_word_text(&rentbus_error_code_words, (int)error);
    return name ? name : "OTHER";
}

static void outcome_print(const struct bench_outcome *outcome, const struct cli_histogram *all)
{
    printf("%-10s%12s%12s%10s%10s%10s%10s%10s%10s\n", "", "requests", "/s", "p50 us", "p90", "p99",
           "p99.9", "p99.99", "max");
    for (size_t op = 0; op < BENCH_OPS; op++)
        if (outcome->latency[op].count > 0)
            latency_print(bench_op_names[op], &outcome->latency[op], outcome->seconds);
    latency_print("all", all, outcome->seconds);
    if (outcome->rejected > 0)
        printf("%" PRIu64 " scans were rejected\n", outcome->rejected);
    for (size_t i = 0; i < BENCH_ERRORS; i++)
        if (outcome->errors[i] > 0)
            printf("%" PRIu64 " errors: %s\n", outcome->errors[i], error_name(i));
}

static void outcome_json(const struct bench_outcome *outcome, const struct cli_histogram *all)
{
    const char *comma = "";
    printf("{\"seconds\":%.3f,", outcome->seconds);
    for (size_t op = 0; op < BENCH_OPS; op++) {
        latency_json(bench_op_names[op], &outcome->latency[op], outcome->seconds);
        putchar(',');
    }
    latency_json("all", all, outcome->seconds);
    printf(",\"rejected\":%" PRIu64 ",\"errors\":{", outcome->rejected);
    for (size_t i = 0; i < BENCH_ERRORS; i++) {
        if (outcome->errors[i] == 0)
            continue;
        printf("%s\"%s\":%" PRIu64, comma, error_name(i), outcome->errors[i]);
        comma = ",";
    }
    puts("}}");
}

static enum cli_exit outcome_show(const struct cli *cli, const struct bench_outcome *outcome)
{
    enum cli_exit exit = CLI_EXIT_OK;
    struct cli_histogram *all = calloc(1, sizeof(*all));
    if (!all)
        return CLI_EXIT_INTERNAL;
    for (size_t op = 0; op < BENCH_OPS; op++)
        cli_histogram_merge(all, &outcome->latency[op]);
    if (cli->json)
        outcome_json(outcome, all);
    else
        outcome_print(outcome, all);
    free(all);
    for (size_t i = 0; i < BENCH_ERRORS; i++) {
        int status = i == BENCH_ERROR_TIMEOUT ? -ETIMEDOUT : i == BENCH_ERROR_OTHER ? -EIO : (int)i;
        if (outcome->errors[i] > 0)
            exit = cli_exit_worse(exit, cli_exit_of_status(status));
    }
    return cli_exit_worse(exit, cli_output_flush());
}

/* ---- the verb ---- */

static enum cli_exit run_load(struct cli *cli, const struct bench_plan *plan)
{
    struct bench_data data;
    enum cli_exit exit = bench_data_load(cli, &data);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (data.users == 0) {
        cli_report(cli, "PRECONDITION_FAILED",
                   "the ledger is not prepared: rentbus bench --prepare 1000,10000,5000");
        return cli_exit_of_error(RENTBUS_ERROR_PRECONDITION_FAILED);
    }
    struct bench_outcome *outcome = calloc(1, sizeof(*outcome));
    if (!outcome)
        return CLI_EXIT_INTERNAL;
    exit = bench_load_run(cli, plan, &data, outcome);
    if (exit == CLI_EXIT_OK) {
        exit = outcome_show(cli, outcome);
        exit = cli_exit_worse(exit, bench_data_save(cli, &data));
    }
    free(outcome);
    return exit;
}

static enum cli_exit prepare(struct cli *cli, const struct cli_line *line)
{
    struct bench_data data;
    struct rentbus_fault fault;
    if (bench_data_parse(cli_line_value(line, "prepare"), &data, &fault))
        return cli_report_usage(cli, "--prepare %s", fault.message);
    return bench_data_prepare(cli, &data, cli_line_has(line, "yes"));
}

static enum cli_exit bench_run(struct cli *cli, const struct cli_line *line)
{
    struct bench_plan plan;
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK)
        exit = plan_read(cli, line, &plan);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_line_has(line, "prepare") ? prepare(cli, line) : run_load(cli, &plan);
}

const struct cli_verb cli_verb_bench = {
    .name = "bench",
    .summary = "Put a load on the daemon and measure it; writes to the ledger",
    .usage = "--prepare USERS,ASSETS,OPEN[,CLOSED] [--yes]\n"
             "[--mix MIX] [--in-flight N] [--clients N] [--duration SPAN | --count N] [--rate N]",
    .notes =
        "--prepare fills an empty ledger with made-up users, assets and rentals, open and closed,\n"
        "all with ids that begin with bench-; cut off, it goes on when it is run again. Without\n"
        "it, requests are sent and their latencies shown, in microseconds. With --rate a latency\n"
        "counts from when the request was to be sent, also when that had to wait for others. It\n"
        "checks things out and takes them back: do not point it at a ledger that is in use.",
    .options = CLI_OPTIONS(options),
    .run = bench_run,
};
