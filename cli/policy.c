/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/output.h"
#include "cli/report.h"
#include "cli/send.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"late return", "late_return"},     {"return match", "return_match"},
    {"user limit", "user_limit"},       {"max skew", "max_skew"},
    {"renewal grace", "renewal_grace"}, {"version", "version"},
};

static const struct cli_option options[] = {
    {"late-return", "RULE", "reject, flag or forgive_within:DURATION", "late_return"},
    {"return-match", "ORDER", "oldest, exact_asset_first or soonest_expiry", "return_match"},
    {"user-limit", "N", "how much a user may have out; 0: as much as wanted", "user_limit"},
    {"max-skew", "DURATION", "how far ahead the clock of a scanner may be", "max_skew"},
    {"renewal-grace", "DURATION", "how late a rental may be renewed", "renewal_grace"},
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
    {"at", "SEQ|TIME", "of get: as it was behind that event, or at that time", NULL},
};

static enum cli_exit policy_get(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_at_args args = {0};
    struct rentbus_policy_result result;
    for (size_t i = 0; i < line->given_count; i++)
        if (strcmp(line->given[i].option->name, "at") != 0)
            return cli_report_usage(cli, "policy get: --%s is for put",
                                    line->given[i].option->name);
    enum cli_exit exit = cli_line_at(cli, line, &rentbus_at_args_schema, &args);
    if (exit == CLI_EXIT_OK)
        exit = cli_call(cli, RENTBUS_OP_policy_get, NULL, &args, &result);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_output_record(cli, &rentbus_policy_schema, columns,
                             sizeof(columns) / sizeof(columns[0]), &result.policy);
}

static enum cli_exit policy_put(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_policy_put_args args = {0};
    if (cli_line_has(line, "at"))
        return cli_report_usage(cli, "policy put: --at is for get");
    enum cli_exit exit = cli_line_fill(cli, line, &rentbus_policy_put_args_schema, &args);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (!(args.has & ~RENTBUS_BIT(policy_put_args, dry_run)))
        return cli_report_usage(cli, "policy put: nothing is given that could change");
    return cli_send(cli, line, RENTBUS_OP_policy_put, &args, "policy", (struct rentbus_text){0});
}

static enum cli_exit policy_run(struct cli *cli, const struct cli_line *line)
{
    enum cli_exit exit = cli_line_words(cli, line, 1, 1);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (strcmp(line->words[0], "get") == 0)
        return policy_get(cli, line);
    if (strcmp(line->words[0], "put") == 0)
        return policy_put(cli, line);
    return cli_report_usage(cli, "policy: unknown word %s: put or get?", line->words[0]);
}

const struct cli_verb cli_verb_policy = {
    .name = "policy",
    .summary = "Show or change the rules of the ledger",
    .usage = "get [--at SEQ|TIME]\n"
             "put [--late-return RULE] [--return-match ORDER] [--user-limit N]"
             " [--max-skew DURATION] [--renewal-grace DURATION] [--dry-run] [--id UUID]",
    .options = CLI_OPTIONS(options),
    .notes = "What is not given stays as it is.",
    .run = policy_run,
};
