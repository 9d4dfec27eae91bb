/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The command line: `rentbus [OPTION…] VERB [OPTION…] [WORD…]`. A verb is one const struct; its
 * options are rows of a table from which parsing, help and checks come.
 */
#ifndef CLI_COMMAND_LINE_H
#define CLI_COMMAND_LINE_H

#include "cli/cli.h"

#include <stdio.h>

struct cli_option {
    const char *name;  /* without the dashes */
    const char *value; /* how help calls its value; NULL: it takes none */
    const char *help;
    /* The field of the operation's arguments that cli_line_fill() sets from it; NULL: none. */
    const char *field;
};

/* Of every command. */
#define CLI_OPTION_DRY_RUN                                                                         \
    {                                                                                              \
        "dry-run", NULL, "only say what would come of it", "dry_run"                               \
    }
#define CLI_OPTION_ID                                                                              \
    {                                                                                              \
        "id", "UUID", "the command's id, to repeat it safely", NULL                                \
    }

/* Of whatever is read, as it was then: for cli_line_at(). */
#define CLI_OPTION_AT                                                                              \
    {                                                                                              \
        "at", "SEQ|TIME", "as it was behind that event, or at that time", NULL                     \
    }
/* Of the two scans. */
#define CLI_OPTIONS_SCAN                                                                           \
    {"override", "COMMENT", "over the rules that may be overridden, and why", "override"},         \
        {"device", "DEVICE", "which device scanned it", "device_id"},                              \
        {"device-seq", "N", "its number in the sequence of the device, from 1", "device_seq"},     \
    {                                                                                              \
        "clock-offset", "MS", "how far the clock of the device is ahead", "clock_offset_ms"        \
    }

struct cli_line;

struct cli_verb {
    const char *name;
    const char *summary; /* one line */
    const char *usage;   /* what stands behind the name, one form a line */
    const char *notes;   /* further help, or NULL */
    const struct cli_option *options;
    size_t option_count;
    const void *detail; /* the verb's own */
    enum cli_exit (*run)(struct cli *cli, const struct cli_line *line);
};

/* `.options = CLI_OPTIONS(table)` sets both members. */
#define CLI_OPTIONS(table) (table), .option_count = sizeof(table) / sizeof((table)[0])

struct cli_given {
    const struct cli_option *option;
    const char *value; /* NULL when the option takes none */
};

/* A verb with what was given behind it, all borrowed from argv. */
struct cli_line {
    const struct cli_verb *verb;
    struct cli_given *given;
    size_t given_count;
    char **words;
    size_t word_count;
};

/* Every verb, in the order of help. */
extern const struct cli_verb *const cli_verbs[];
extern const size_t cli_verb_count;
/* The verb of that name, or NULL. */
const struct cli_verb *cli_verb_find(const char *name);
/* Says that there is none, and which one may be meant; returns CLI_EXIT_USAGE. */
enum cli_exit cli_verb_unknown(const struct cli *cli, const char *name);

/* Options that stand for every verb, before or behind it. */
extern const struct cli_option cli_common_options[];
extern const size_t cli_common_option_count;

/* The whole program behind main(): parses, runs, and returns the exit code. */
enum cli_exit cli_main(int argc, char **argv);

/* The last value given for an option, or NULL; and whether it was given. */
const char *cli_line_value(const struct cli_line *line, const char *option);
bool cli_line_has(const struct cli_line *line, const char *option);
/* Sets the fields of *args from the options that name one; an option without a value makes its
 * field true. `now` is a time, too. What does not fit is reported. */
enum cli_exit cli_line_fill(const struct cli *cli, const struct cli_line *line,
                            const struct rentbus_schema *schema, void *args)
    __attribute__((warn_unused_result));
/* Sets `at_seq` or `at` of *args from --at, where it was given: digits are a seq. */
enum cli_exit cli_line_at(const struct cli *cli, const struct cli_line *line,
                          const struct rentbus_schema *schema, void *args)
    __attribute__((warn_unused_result));
/* The value of an option as a number or a time span; *out stays as it is when it was not given. */
enum cli_exit cli_line_number(const struct cli *cli, const struct cli_line *line,
                              const char *option, uint64_t *out)
    __attribute__((warn_unused_result));
enum cli_exit cli_line_milliseconds(const struct cli *cli, const struct cli_line *line,
                                    const char *option, uint32_t *out)
    __attribute__((warn_unused_result));
/* Checks that between `least` and `most` words were given. */
enum cli_exit cli_line_words(const struct cli *cli, const struct cli_line *line, size_t least,
                             size_t most) __attribute__((warn_unused_result));

/* Help, on `file`: of the program, and of a verb; and how it is called, in short (`verb` may be
 * NULL). */
void cli_help_program(FILE *file);
void cli_help_verb(FILE *file, const struct cli_verb *verb);
void cli_help_usage(FILE *file, const struct cli_verb *verb);

#endif
