/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/config/principal.h"

#include <stdlib.h>
#include <string.h>

#include "sdk/protocol/text.h"

#define DEFAULT_ROLE "default_role"
#define PRINCIPAL "principal"
#define ROLE "role"
#define LOCATIONS "locations"
#define CONSUMERS "consumers"
#define UID "uid:"
#define ANONYMOUS "anonymous"

/* The lists of what is the own of principals, each of one role. */
static const struct list {
    const char *name;
    enum rentbus_role role;
    const char *not_for; /* what is wrong with one that another role has */
    const char *one_too_many;
} lists[] = {
    {LOCATIONS, RENTBUS_ROLE_kiosk, "has locations, and only a kiosk may have some",
     "is one location too many"},
    {CONSUMERS, RENTBUS_ROLE_lambda, "has consumers, and only a lambda may have some",
     "is one consumer too many"},
};
#define LIST_COUNT (sizeof lists / sizeof *lists)

static const char not_a_role[] = "is not one of reader, kiosk, clerk, lambda, admin";

void principal_options(cfg_opt_t options[PRINCIPAL_OPTIONS])
{
    static cfg_opt_t section[] = {
        CFG_STR(ROLE, NULL, CFGF_NODEFAULT),
        CFG_STR_LIST(LOCATIONS, NULL, CFGF_NODEFAULT),
        CFG_STR_LIST(CONSUMERS, NULL, CFGF_NODEFAULT),
        CFG_END(),
    };
    options[0] = (cfg_opt_t)CFG_STR(DEFAULT_ROLE, NULL, CFGF_NODEFAULT);
    options[1] =
        (cfg_opt_t)CFG_SEC(PRINCIPAL, section, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
}

static enum rentbus_role role_find(const char *text)
{
    return (enum rentbus_role)rentbus_word_find(&rentbus_role_words, rentbus_text(text));
}

/* ---- checks, while the file is read, since only then its line is known ---- */

static int refuse(cfg_t *file, const char *what, const char *value, const char *problem)
{
    cfg_error(file, "%s: \"%s\" %s", what, value, problem);
    return -1;
}

/* The user id as the daemon writes it, or nobody in particular. */
static const char *name_problem(const char *name)
{
    const char *digits = name + strlen(UID);
    if (strcmp(name, ANONYMOUS) == 0)
        return NULL;
    if (strncmp(name, UID, strlen(UID)) != 0 || *digits == '\0' || strlen(digits) > 10 ||
        digits[strspn(digits, "0123456789")] != '\0' || (*digits == '0' && digits[1]) ||
        strtoull(digits, NULL, 10) > UINT32_MAX)
        return "is neither \"" UID "\" with the number of a user nor \"" ANONYMOUS "\"";
    return NULL;
}

static int check_name(cfg_t *section)
{
    const char *name = cfg_title(section);
    const char *problem = name_problem(name);
    return problem ? refuse(section, PRINCIPAL, name, problem) : 0;
}

static int check_role(cfg_t *file, cfg_opt_t *option)
{
    const char *value = cfg_opt_getnstr(option, 0);
    if (cfg_title(file) && check_name(file))
        return -1;
    return value && role_find(value) ? 0
                                     : refuse(file, option->name, value ? value : "", not_a_role);
}

static const struct list *list_find(const char *name)
{
    const struct list *list = lists;
    while (strcmp(list->name, name) != 0)
        list++;
    return list;
}

static int check_own(cfg_t *section, cfg_opt_t *option)
{
    unsigned count = cfg_opt_size(option);
    const char *value = count > 0 ? cfg_opt_getnstr(option, count - 1) : NULL;
    if (check_name(section))
        return -1;
    if (count > ACCESS_OWN_MAX)
        return refuse(section, option->name, value, list_find(option->name)->one_too_many);
    if (!value || rentbus_id_valid(rentbus_text(value)))
        return 0;
    return refuse(section, option->name, value,
                  "is not an id of 1 to 128 bytes without control characters");
}

static size_t own_count(cfg_t *section)
{
    size_t count = 0;
    for (size_t i = 0; i < LIST_COUNT; i++)
        count += cfg_size(section, lists[i].name);
    return count;
}

/* How much is the own of principals so far, of all together. */
static size_t own_of_all(cfg_opt_t *option)
{
    size_t count = 0;
    for (unsigned i = 0; i < cfg_opt_size(option); i++)
        count += own_count(cfg_opt_getnsec(option, i));
    return count;
}

static int check_principal(cfg_t *file, cfg_opt_t *option)
{
    unsigned count = cfg_opt_size(option);
    cfg_t *section = cfg_opt_getnsec(option, count - 1);
    const char *name = cfg_title(section);
    if (check_name(section))
        return -1;
    if (count > ACCESS_PRINCIPALS_MAX)
        return refuse(file, PRINCIPAL, name, "is one principal too many");
    if (cfg_size(section, ROLE) == 0)
        return refuse(file, PRINCIPAL, name, "has no role");
    for (size_t i = 0; i < LIST_COUNT; i++)
        if (cfg_size(section, lists[i].name) > 0 &&
            role_find(cfg_getstr(section, ROLE)) != lists[i].role)
            return refuse(file, PRINCIPAL, name, lists[i].not_for);
    if (own_count(section) > 0 && own_of_all(option) > ACCESS_OWN_MAX)
        return refuse(file, PRINCIPAL, name, "lists more than all together may list");
    return 0;
}

void principal_watch(cfg_t *file)
{
    cfg_set_validate_func(file, DEFAULT_ROLE, check_role);
    cfg_set_validate_func(file, PRINCIPAL, check_principal);
    cfg_set_validate_func(file, PRINCIPAL "|" ROLE, check_role);
    cfg_set_validate_func(file, PRINCIPAL "|" LOCATIONS, check_own);
    cfg_set_validate_func(file, PRINCIPAL "|" CONSUMERS, check_own);
}

/* ---- what was read ---- */

static void add(struct access *access, cfg_t *section)
{
    struct access_principal *principal = &access->principals[access->principal_count++];
    principal->role = role_find(cfg_getstr(section, ROLE));
    principal->own_first = access->own_count;
    principal->own_count = own_count(section);
    snprintf(principal->name, sizeof principal->name, "%s", cfg_title(section));
    for (size_t i = 0; i < LIST_COUNT; i++)
        for (unsigned j = 0; j < cfg_size(section, lists[i].name); j++)
            snprintf(access->own[access->own_count++], sizeof *access->own, "%s",
                     cfg_getnstr(section, lists[i].name, j));
}

void principal_read(cfg_t *file, struct access *access)
{
    if (cfg_size(file, DEFAULT_ROLE))
        access->default_role = role_find(cfg_getstr(file, DEFAULT_ROLE));
    for (unsigned i = 0; i < cfg_size(file, PRINCIPAL); i++)
        add(access, cfg_getnsec(file, PRINCIPAL, i));
}

/* ---- what counts, in words ---- */

/* In single quotes, where a file expands nothing. */
static void print_quoted(const char *text, FILE *stream)
{
    fputc('\'', stream);
    for (const char *at = text; *at; at++) {
        if (*at == '\'' || *at == '\\')
            fputc('\\', stream);
        fputc(*at, stream);
    }
    fputc('\'', stream);
}

static void print_own(const struct access *access, const struct access_principal *principal,
                      FILE *stream)
{
    const struct list *list = lists;
    while (list->role != principal->role)
        list++;
    fprintf(stream, "    %s = {", list->name);
    for (size_t i = 0; i < principal->own_count; i++) {
        fputs(i > 0 ? ", " : "", stream);
        print_quoted(access->own[principal->own_first + i], stream);
    }
    fputs("}\n", stream);
}

void principal_print(const struct access *access, FILE *stream)
{
    fprintf(stream, DEFAULT_ROLE " = \"%s\"\n",
            rentbus_word_text(&rentbus_role_words, (int)access->default_role));
    for (size_t i = 0; i < access->principal_count; i++) {
        const struct access_principal *principal = &access->principals[i];
        fprintf(stream, PRINCIPAL " \"%s\" {\n    " ROLE " = \"%s\"\n", principal->name,
                rentbus_word_text(&rentbus_role_words, (int)principal->role));
        if (principal->own_count > 0)
            print_own(access, principal, stream);
        fputs("}\n", stream);
    }
}
