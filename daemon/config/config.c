/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/config/config.h"

#include <confuse.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/config/address.h"
#include "daemon/config/principal.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"

#define CONFIG_USAGE 2

const char config_help[] =
    "Usage: rentbusd [OPTION]...\n"
    "Own a rental ledger: serve requests, publish events.\n"
    "\n"
    "  -d, --data DIR         where journal and archive live; made on first start\n"
    "                         (RENTBUS_DATA, " CONFIG_DATA_DEFAULT ")\n"
    "  -a, --api ENDPOINT     where requests are served\n"
    "                         (RENTBUS_API, " CONFIG_API_DEFAULT ")\n"
    "  -e, --events ENDPOINT  where events are published\n"
    "                         (RENTBUS_EVENTS, " CONFIG_EVENTS_DEFAULT ")\n"
    "  -l, --ledger NAME      name of the ledger, fixed on first start\n"
    "                         (RENTBUS_LEDGER, " CONFIG_LEDGER_DEFAULT ")\n"
    "  -c, --config FILE      read settings from FILE (RENTBUS_CONFIG; without either\n"
    "                         " CONFIG_FILE_DEFAULT " if it is there)\n"
    "      --check-config     check the settings, print them and exit\n"
    "  -h, --help             print this and exit\n"
    "  -V, --version          print the version and exit\n"
    "\n"
    "An ENDPOINT is ipc://PATH, or tcp://HOST:PORT with a loopback HOST. A flag beats\n"
    "the environment, which beats the file. SIGTERM stops the daemon when all that it\n"
    "has accepted is answered. Exit status: 0 stopped, 2 bad usage, 71 the system\n"
    "failed, 74 the disk failed, 75 the data or an endpoint is in use, 78 bad settings.\n";

/* One setting, by all its names; `flag` may be NULL. `set` gives 0 or says what is wrong. */
struct setting {
    const char *key; /* in the file */
    const char *variable;
    const char *flag;
    const char *(*set)(struct config *config, const char *value);
};

static const char *copy(char *to, size_t size, const char *value)
{
    size_t length = strlen(value);
    if (length == 0)
        return "is empty";
    if (length >= size)
        return "is too long";
    memcpy(to, value, length + 1);
    return NULL;
}

static const char *set_data(struct config *config, const char *value)
{
    return copy(config->data, sizeof config->data, value);
}

static const char *set_api(struct config *config, const char *value)
{
    const char *problem = address_problem(value);
    return problem ? problem : copy(config->api, sizeof config->api, value);
}

static const char *set_events(struct config *config, const char *value)
{
    const char *problem = address_problem(value);
    return problem ? problem : copy(config->events, sizeof config->events, value);
}

static const char *set_ledger(struct config *config, const char *value)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";
    if (value[strspn(value, allowed)])
        return "has other characters than letters, digits, '.', '_' and '-'";
    return copy(config->ledger, sizeof config->ledger, value);
}

static const char *set_stall_after(struct config *config, const char *value)
{
    int64_t seconds;
    if (!rentbus_duration_parse(rentbus_text(value), &seconds))
        return "is not an ISO 8601 duration";
    if (seconds < 1 || seconds > CONFIG_STALL_AFTER_MAX)
        return "is not from a second to a year";
    config->stall_after = seconds;
    return NULL;
}

static const char *set_number(uint64_t *number, uint64_t most, const char *value)
{
    char *end;
    errno = 0;
    uint64_t read = strtoull(value, &end, 10);
    if (!*value || value[strspn(value, "0123456789")] || *end)
        return "is not a whole number";
    if (errno || read > most)
        return "is too large";
    *number = read;
    return NULL;
}

static const char *set_snapshot_every(struct config *config, const char *value)
{
    return set_number(&config->snapshot_every, CONFIG_SNAPSHOT_EVERY_MAX, value);
}

static const char *set_archive_lag(struct config *config, const char *value)
{
    uint64_t events;
    const char *problem = set_number(&events, CONFIG_ARCHIVE_LAG_MAX, value);
    if (problem || events < CONFIG_ARCHIVE_LAG_MIN)
        return problem ? problem : "is less than 1000";
    config->archive_lag = events;
    return NULL;
}

static const struct setting settings[] = {
    {"data", "RENTBUS_DATA", "--data", set_data},
    {"api", "RENTBUS_API", "--api", set_api},
    {"events", "RENTBUS_EVENTS", "--events", set_events},
    {"ledger", "RENTBUS_LEDGER", "--ledger", set_ledger},
    {"stall_after", "RENTBUS_STALL_AFTER", NULL, set_stall_after},
    {"snapshot_every", "RENTBUS_SNAPSHOT_EVERY", NULL, set_snapshot_every},
    {"archive_lag", "RENTBUS_ARCHIVE_LAG", NULL, set_archive_lag},
};
#define SETTING_COUNT (sizeof settings / sizeof *settings)

static int apply(struct config *config, size_t setting, const char *name, const char *value)
{
    const char *problem = settings[setting].set(config, value);
    if (!problem)
        return 0;
    fprintf(stderr, "rentbusd: %s: \"%s\" %s\n", name, value, problem);
    return EX_CONFIG;
}

__attribute__((format(printf, 2, 0))) static void print_file_problem(cfg_t *file,
                                                                     const char *format,
                                                                     va_list arguments)
{
    fprintf(stderr, "rentbusd: %s:%d: ", file && file->filename ? file->filename : "",
            file ? file->line : 0);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

/* While the file is read, since only then its line is known. */
static int check_value(cfg_t *file, cfg_opt_t *option)
{
    struct config unused;
    const char *value = cfg_opt_getnstr(option, 0);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(settings[i].key, option->name) != 0)
            continue;
        const char *problem = value ? settings[i].set(&unused, value) : "has no value";
        if (problem)
            cfg_error(file, "%s: \"%s\" %s", option->name, value ? value : "", problem);
        return problem ? -1 : 0;
    }
    return 0;
}

/* Blanks comments, since libconfuse counts three lines for each. False when a section has no end,
 * which libconfuse does not mind. */
static bool blank_comments(char *text)
{
    char quote = '\0';
    int depth = 0;
    for (char *at = text; *at; at++) {
        if (quote && *at == '\\' && at[1])
            at++;
        else if (quote)
            quote = *at == quote ? '\0' : quote;
        else if (*at == '"' || *at == '\'')
            quote = *at;
        else if (*at == '#')
            at = memset(at, ' ', strcspn(at, "\n"));
        else
            depth += (*at == '{') - (*at == '}');
    }
    return depth <= 0;
}

/* Reads the whole file into `text`, since libconfuse ends the process when it cannot. */
static int load_file(const char *path, char text[CONFIG_FILE_MAX + 1])
{
    FILE *stream = fopen(path, "re");
    size_t length = stream ? fread(text, 1, CONFIG_FILE_MAX + 1, stream) : 0;
    const char *problem = !stream || ferror(stream) ? strerror(errno) : NULL;
    if (stream)
        fclose(stream);
    if (length > CONFIG_FILE_MAX)
        problem = "is longer than a file of settings may be (64 KiB)";
    text[problem ? 0 : length] = '\0';
    if (!blank_comments(text))
        problem = "has a section without an end";
    if (problem)
        fprintf(stderr, "rentbusd: %s: %s\n", path, problem);
    return problem ? EX_CONFIG : 0;
}

static int parse_file(cfg_t *file, const char *path)
{
    char text[CONFIG_FILE_MAX + 1];
    if (load_file(path, text))
        return EX_CONFIG;
    if (text[0] == '\0')
        return 0;
    FILE *stream = fmemopen(text, strlen(text), "r");
    if (!stream)
        return EX_OSERR;
    file->filename = strdup(path);
    int parsed = cfg_parse_fp(file, stream);
    fclose(stream);
    if (parsed == CFG_SUCCESS)
        return 0;
    /* libconfuse has nothing to say about some ends of a file. */
    fprintf(stderr, "rentbusd: %s: has settings that cannot be read, see rentbusd.conf(5)\n", path);
    return EX_CONFIG;
}

static int read_file(struct config *config, const char *path)
{
    cfg_opt_t options[SETTING_COUNT + PRINCIPAL_OPTIONS + 1];
    for (size_t i = 0; i < SETTING_COUNT; i++)
        options[i] = (cfg_opt_t)CFG_STR((char *)(uintptr_t)settings[i].key, NULL, CFGF_NODEFAULT);
    principal_options(&options[SETTING_COUNT]);
    options[SETTING_COUNT + PRINCIPAL_OPTIONS] = (cfg_opt_t)CFG_END();
    cfg_t *file = cfg_init(options, CFGF_NONE);
    if (!file)
        return EX_OSERR;
    cfg_set_error_function(file, print_file_problem);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        cfg_set_validate_func(file, settings[i].key, check_value);
    principal_watch(file);
    int status = parse_file(file, path);
    for (size_t i = 0; i < SETTING_COUNT && status == 0; i++)
        if (cfg_size(file, settings[i].key))
            status = apply(config, i, path, cfg_getstr(file, settings[i].key));
    if (status == 0)
        principal_read(file, &config->access);
    cfg_free(file);
    return status;
}

static int read_environment(struct config *config)
{
    int status = 0;
    for (size_t i = 0; i < SETTING_COUNT && status == 0; i++) {
        const char *value = getenv(settings[i].variable);
        if (value)
            status = apply(config, i, settings[i].variable, value);
    }
    return status;
}

/* Values of flags, until file and environment have been read. */
struct flags {
    const char *values[SETTING_COUNT];
    const char *file;
    enum config_action action;
};

enum { FLAG_CHECK = 256 };

static int read_flags(struct flags *flags, int argc, char **argv)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},
        {"api", required_argument, NULL, 'a'},
        {"events", required_argument, NULL, 'e'},
        {"ledger", required_argument, NULL, 'l'},
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, FLAG_CHECK},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    static const int setting_flags[SETTING_COUNT] = {'d', 'a', 'e', 'l'};
    int flag;
    while ((flag = getopt_long(argc, argv, "d:a:e:l:c:hV", options, NULL)) != -1) {
        if (flag == '?') {
            fputs("Try 'rentbusd --help'.\n", stderr);
            return CONFIG_USAGE;
        }
        for (size_t i = 0; i < SETTING_COUNT; i++)
            if (setting_flags[i] == flag)
                flags->values[i] = optarg;
        if (flag == 'c')
            flags->file = optarg;
        if (flag == 'h')
            flags->action = CONFIG_HELP;
        if (flag == 'V')
            flags->action = CONFIG_VERSION;
        if (flag == FLAG_CHECK)
            flags->action = CONFIG_CHECK;
    }
    if (optind == argc)
        return 0;
    fprintf(stderr, "rentbusd: unexpected argument \"%s\"\nTry 'rentbusd --help'.\n", argv[optind]);
    return CONFIG_USAGE;
}

int config_read(struct config *config, int argc, char **argv)
{
    struct flags flags = {.action = CONFIG_RUN};
    *config = (struct config){
        .data = CONFIG_DATA_DEFAULT,
        .api = CONFIG_API_DEFAULT,
        .events = CONFIG_EVENTS_DEFAULT,
        .ledger = CONFIG_LEDGER_DEFAULT,
        .stall_after = CONFIG_STALL_AFTER_DEFAULT,
        .snapshot_every = CONFIG_SNAPSHOT_EVERY_DEFAULT,
        .archive_lag = CONFIG_ARCHIVE_LAG_DEFAULT,
        .access = {.default_role = RENTBUS_ROLE_admin},
    };
    int status = read_flags(&flags, argc, argv);
    config->action = flags.action;
    if (status || flags.action == CONFIG_HELP || flags.action == CONFIG_VERSION)
        return status;
    const char *file = flags.file ? flags.file : getenv("RENTBUS_CONFIG");
    if (!file && access(CONFIG_FILE_DEFAULT, F_OK) == 0)
        file = CONFIG_FILE_DEFAULT;
    if (file)
        status = read_file(config, file);
    if (status == 0)
        status = read_environment(config);
    for (size_t i = 0; i < SETTING_COUNT && status == 0; i++)
        if (flags.values[i])
            status = apply(config, i, settings[i].flag, flags.values[i]);
    if (status == 0 && strcmp(config->api, config->events) == 0) {
        fprintf(stderr, "rentbusd: api and events are the same endpoint, \"%s\"\n", config->api);
        status = EX_CONFIG;
    }
    return status;
}
