/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda.h"

#include "cli/report.h"
#include "cli/text.h"
#include "cli/verbs.h"

static const struct cli_option options[] = {
    {"on", "TYPE", "which events: of this type; may be repeated", NULL},
    {"where", "FIELD=ID", "about this user_id, asset_type or location_id", NULL},
    {"from", "WHERE", "where a new one begins: first, new, a SEQ or a TIME; new unless said", NULL},
    {"concurrency", "N", "so many handlers at a time; 1 unless said", NULL},
    {"timeout", "SPAN", "how long a handler may take; 60 s unless said, of webhook 20 s", NULL},
    {"max-attempts", "N", "how often an event is tried before it is parked", NULL},
    {"lease", "SPAN", "how long a handler that is gone is waited for", NULL},
    {"backoff", "SPAN", "how long to wait behind the first attempt; then twice as long", NULL},
    {"backoff-max", "SPAN", "and how long at most", NULL},
    {"output-limit", "BYTES", "what a handler may print; 1 MiB unless said", NULL},
    {"grace", "SPAN", "how long they are waited for at the end; 10 s, of webhook the timeout",
     NULL},
    {"worker", "ID", "who works: a newer one of that id takes over", NULL},
    {"stream", NULL, "one process for many events: an event a line, an answer a line", NULL},
    {"publish", NULL, "publish what the handler prints, with the acknowledgement", NULL},
    {"url", "URL", "of webhook: where events are sent", NULL},
    {"secret-file", "FILE", "of webhook: secrets to sign with", NULL},
    {"header", "HEADER|@FILE", "of webhook: a further \"NAME: VALUE\"; may be repeated", NULL},
    {"cacert", "FILE", "of webhook: whose certificates are trusted, instead of the system's", NULL},
    {"all", NULL, "of replay and drop: every parked event", "all"},
    {"yes", NULL, "do not ask", NULL},
    {"last", "N", "of drill: so many events, the last ones; 20 unless said", NULL},
    {"seed", "N", "of drill: the same faults as the drill that printed it", NULL},
    {"check", "COMMAND", "of drill: run behind each phase; 0: all is as it should be", NULL},
    {"ignore", "PATTERN", "of drill: files that may differ; may be repeated", NULL},
    {"since", "SEQ|TIME", "of test and drill: from then on", NULL},
    {"until", "SEQ|TIME", "of test and drill: up to that event, or before that time", NULL},
    {"limit", "N", "of list, parked, test and drill: at most so many", NULL},
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
};

#define CHANGE_OPTIONS " dry-run id "
#define CONSUMER_OPTIONS " on where from max-attempts lease backoff backoff-max "
#define HANDLER_OPTIONS " concurrency timeout output-limit grace worker publish stream "
#define WEBHOOK_OPTIONS " concurrency timeout grace worker url secret-file header cacert "

static const struct lambda_word words[] = {
    {"run", 2, SIZE_MAX, CONSUMER_OPTIONS HANDLER_OPTIONS, lambda_run},
    {"webhook", 2, 2, CONSUMER_OPTIONS WEBHOOK_OPTIONS, lambda_webhook},
    {"test", 2, SIZE_MAX, " on where since until limit timeout output-limit publish ", lambda_test},
    {"drill", 2, SIZE_MAX,
     " on where since until last limit timeout output-limit publish stream seed check ignore ",
     lambda_drill},
    {"list", 1, 1, " limit ", lambda_list},
    {"show", 2, 2, "", lambda_show},
    {"pause", 2, 2, CHANGE_OPTIONS, lambda_pause},
    {"resume", 2, 2, CHANGE_OPTIONS, lambda_resume},
    {"reset", 2, 2, " from " CHANGE_OPTIONS, lambda_reset},
    {"skip", 3, 3, CHANGE_OPTIONS, lambda_skip},
    {"parked", 2, 2, " limit ", lambda_parked},
    {"replay", 2, SIZE_MAX, " all yes " CHANGE_OPTIONS, lambda_replay},
    {"drop", 2, SIZE_MAX, " all yes " CHANGE_OPTIONS, lambda_drop},
    {"delete", 2, 2, " yes " CHANGE_OPTIONS, lambda_delete},
};
#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static bool goes_with(const struct lambda_word *word, const char *option)
{
    size_t length = strlen(option);
    const char *at = word->options;
    while ((at = strstr(at, option)) && (at[-1] != ' ' || at[length] != ' '))
        at += length;
    return at != NULL;
}

static enum cli_exit options_check(const struct cli *cli, const struct cli_line *line,
                                   const struct lambda_word *word)
{
    for (size_t i = 0; i < line->given_count; i++) {
        const char *option = line->given[i].option->name;
        if (!goes_with(word, option) && strcmp(option, "timeout") != 0)
            return cli_report_usage(cli, "lambda %s: --%s does not go with this", word->word,
                                    option);
    }
    return CLI_EXIT_OK;
}

static enum cli_exit word_unknown(const struct cli *cli, const char *given)
{
    const char *nearest = NULL;
    size_t distance = CLI_TEXT_NEAR(given);
    for (size_t i = 0; i < WORD_COUNT; i++)
        cli_text_nearer(given, words[i].word, &nearest, &distance);
    if (nearest)
        return cli_report_usage(cli, "lambda: unknown word %s: did you mean %s?", given, nearest);
    return cli_report_usage(cli, "lambda: unknown word %s", given);
}

/* Of words that run no handler, --timeout is that of the call. */
static enum cli_exit timeout_take(struct cli *cli, const struct cli_line *line)
{
    enum cli_exit exit = cli_line_milliseconds(cli, line, "timeout", &cli->options.timeout_ms);
    if (exit == CLI_EXIT_OK && cli_line_has(line, "timeout") && cli->options.timeout_ms == 0)
        return cli_report_usage(cli, "--timeout: must be more than nothing");
    return exit;
}

static enum cli_exit lambda_verb_run(struct cli *cli, const struct cli_line *line)
{
    const struct lambda_word *word = words;
    if (line->word_count == 0)
        return cli_report_usage(cli, "lambda: run, list or show?");
    while (word < words + WORD_COUNT && strcmp(word->word, line->words[0]) != 0)
        word++;
    if (word == words + WORD_COUNT)
        return word_unknown(cli, line->words[0]);
    enum cli_exit exit = cli_line_words(cli, line, word->least, word->most);
    if (exit == CLI_EXIT_OK && !goes_with(word, "timeout"))
        exit = timeout_take(cli, line);
    if (exit == CLI_EXIT_OK)
        exit = options_check(cli, line, word);
    return exit == CLI_EXIT_OK ? word->run(cli, line) : exit;
}

const struct cli_verb cli_verb_lambda = {
    .name = "lambda",
    .summary = "Run small programs on events, and look after them",
    .usage = "run NAME [--on TYPE]... [--where FIELD=ID]... [OPTION...] -- COMMAND...\n"
             "webhook NAME --url URL [--secret-file FILE] [--header HEADER|@FILE]... [OPTION...]\n"
             "test NAME --since SEQ|TIME [--until SEQ|TIME] [OPTION...] -- COMMAND...\n"
             "drill NAME [--last N | --since SEQ|TIME] [OPTION...] -- COMMAND...\n"
             "list [--limit N]\n"
             "show NAME\n"
             "pause|resume NAME [--dry-run] [--id UUID]\n"
             "reset NAME --from first|new|SEQ|TIME [--dry-run] [--id UUID]\n"
             "skip NAME SEQ [--dry-run] [--id UUID]\n"
             "parked NAME [--limit N]\n"
             "replay|drop NAME SEQ...|--all [--yes] [--dry-run] [--id UUID]\n"
             "delete NAME [--yes] [--dry-run] [--id UUID]",
    .options = CLI_OPTIONS(options),
    .notes =
        "The handler finds the event on its standard input, as JSON, and in RENTBUS_EVENT_TYPE,\n"
        "_SEQ, _SUBJECT, _ID, _TIME and _ATTEMPT. Exit 0: done. 75: not now. Anything else, and\n"
        "too long: it failed. What failed is tried again, and parked in the end. A webhook is a "
        "POST of\n"
        "the event to an endpoint, whose status says what came of it.",
    .run = lambda_verb_run,
};
