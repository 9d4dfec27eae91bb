/* SPDX-License-Identifier: MPL-2.0 */
/* The words of the verb lambda: what each takes, and where it is done. */
#ifndef CLI_LAMBDA_H
#define CLI_LAMBDA_H

#include "cli/command_line.h"

/* A word of the verb. `options` are those that go with it, between spaces; common ones go with
 * all. The words behind it are counted with itself. */
struct lambda_word {
    const char *word;
    size_t least;
    size_t most;
    const char *options;
    enum cli_exit (*run)(struct cli *cli, const struct cli_line *line);
};

/* What changes, or shows, the consumer behind a lambda. line->words[1] is its name. */
enum cli_exit lambda_list(struct cli *cli, const struct cli_line *line);
enum cli_exit lambda_show(struct cli *cli, const struct cli_line *line);
enum cli_exit lambda_pause(struct cli *cli, const struct cli_line *line);
enum cli_exit lambda_resume(struct cli *cli, const struct cli_line *line);
enum cli_exit lambda_reset(struct cli *cli, const struct cli_line *line);
enum cli_exit lambda_skip(struct cli *cli, const struct cli_line *line);
enum cli_exit lambda_delete(struct cli *cli, const struct cli_line *line);
enum cli_exit lambda_parked(struct cli *cli, const struct cli_line *line);
enum cli_exit lambda_replay(struct cli *cli, const struct cli_line *line);
enum cli_exit lambda_drop(struct cli *cli, const struct cli_line *line);

/* What runs handlers; lambda_host.h and its neighbours. */
enum cli_exit lambda_run(struct cli *cli, const struct cli_line *line);
enum cli_exit lambda_webhook(struct cli *cli, const struct cli_line *line);
enum cli_exit lambda_test(struct cli *cli, const struct cli_line *line);
enum cli_exit lambda_drill(struct cli *cli, const struct cli_line *line);

/* How the consumer stands; texts are borrowed until the next call. */
enum cli_exit lambda_status(struct cli *cli, const char *name,
                            struct rentbus_consumer_status *status)
    __attribute__((warn_unused_result));

/* Whether to go on with what cannot be taken back: --yes, or the answer of who sits at the
 * terminal. Otherwise says what would be done and what --yes is for: CLI_EXIT_REJECTED, as when the
 * answer is no. `what` is such as "forget 3 of 3 parked events of notify". */
enum cli_exit lambda_confirm(const struct cli *cli, const struct cli_line *line, const char *what)
    __attribute__((warn_unused_result));

#endif
