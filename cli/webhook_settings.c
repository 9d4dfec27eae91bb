/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/webhook_settings.h"

#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files that are nobody else's ---- */

struct private_file {
    size_t length;
    char bytes[WEBHOOK_FILE_MAX + 1];
};

static int file_fill(int fd, struct private_file *file)
{
    ssize_t count = 1;
    while (count > 0 && file->length < sizeof(file->bytes)) {
        count = read(fd, file->bytes + file->length, sizeof(file->bytes) - file->length);
        if (count > 0)
            file->length += (size_t)count;
    }
    return count < 0 ? -errno : file->length > WEBHOOK_FILE_MAX ? -EFBIG : 0;
}

/* -EPERM when others may read it or write to it. */
static int file_read(int fd, struct private_file *file)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return -errno;
    if (about.st_mode & S_IRWXO)
        return -EPERM;
    return file_fill(fd, file);
}

static enum cli_exit file_open(const struct cli *cli, const char *option, const char *path,
                               struct private_file *file)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    file->length = 0;
    int error = fd < 0 ? -errno : file_read(fd, file);
    if (fd >= 0)
        close(fd);
    if (error == 0)
        return CLI_EXIT_OK;
    sodium_memzero(file, sizeof(*file));
    cli_report(cli, "CONFIGURATION", "--%s: %s: %s", option, path,
               error == -EPERM   ? "others may read it or write to it: chmod o= is wanted"
               : error == -EFBIG ? "it is too long"
                                 : strerror(-error));
    return CLI_EXIT_CONFIGURATION;
}

static enum cli_exit secrets_read(const struct cli *cli, const struct cli_line *line,
                                  struct webhook_settings *settings)
{
    const char *path = cli_line_value(line, "secret-file");
    struct private_file file;
    if (!path)
        return CLI_EXIT_OK;
    enum cli_exit exit = file_open(cli, "secret-file", path, &file);
    if (exit != CLI_EXIT_OK)
        return exit;
    const char *problem =
        webhook_secrets_parse((struct rentbus_text){file.bytes, file.length}, &settings->secrets);
    sodium_memzero(&file, sizeof(file));
    if (!problem)
        return CLI_EXIT_OK;
    cli_report(cli, "CONFIGURATION", "--secret-file: %s: %s", path, problem);
    return CLI_EXIT_CONFIGURATION;
}

/* ---- headers ---- */

static bool name_is(struct rentbus_text name, const char *word)
{
    return name.length == strlen(word) && strncasecmp(name.data, word, name.length) == 0;
}

/* Of a name, those that say what the body is, or who sent it, are not to be set. */
static bool name_reserved(struct rentbus_text name)
{
    static const char *const reserved[] = {"content-type", "content-length", "transfer-encoding",
                                           "expect", "connection"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (name_is(name, reserved[i]))
            return true;
    return name.length >= 8 && strncasecmp(name.data, "webhook-", 8) == 0;
}

const char *webhook_header_check(struct rentbus_text header)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    struct rentbus_text name = {header.data, 0};
    bool filled = false;
    while (name.length < header.length &&
           memchr(token, header.data[name.length], sizeof(token) - 1))
        name.length++;
    if (name.length == 0 || name.length == header.length || header.data[name.length] != ':')
        return "is not NAME: VALUE";
    for (size_t i = name.length + 1; i < header.length; i++) {
        unsigned char byte = (unsigned char)header.data[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return "has a control character";
        filled = filled || (byte != ' ' && byte != '\t');
    }
    if (!filled)
        return "has no value";
    return name_reserved(name) ? "is not to be set" : NULL;
}

/* What is wrong is said without the header, which may be a secret. */
static enum cli_exit header_add(const struct cli *cli, struct rentbus_text header,
                                struct webhook_settings *settings)
{
    const char *problem = webhook_header_check(header);
    if (problem)
        return cli_report_usage(cli, "--header: number %zu %s", settings->header_count + 1,
                                problem);
    if (settings->header_count == WEBHOOK_HEADERS_MAX)
        return cli_report_usage(cli, "--header: at most %d", WEBHOOK_HEADERS_MAX);
    char *copy = strndup(header.data, header.length);
    if (!copy) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    settings->headers[settings->header_count++] = copy;
    return CLI_EXIT_OK;
}

/* A header a line; blank lines say nothing. */
static enum cli_exit header_file_add(const struct cli *cli, const char *path,
                                     struct webhook_settings *settings)
{
    struct private_file file;
    enum cli_exit exit = file_open(cli, "header", path, &file);
    size_t at = 0;
    while (exit == CLI_EXIT_OK && at < file.length) {
        const char *end = memchr(file.bytes + at, '\n', file.length - at);
        size_t length = end ? (size_t)(end - file.bytes) - at : file.length - at;
        struct rentbus_text header = {file.bytes + at, length};
        at += length + 1;
        if (header.length > 0 && header.data[header.length - 1] == '\r')
            header.length--;
        if (header.length > 0)
            exit = header_add(cli, header, settings);
    }
    sodium_memzero(&file, sizeof(file));
    return exit;
}

static enum cli_exit headers_read(const struct cli *cli, const struct cli_line *line,
                                  struct webhook_settings *settings)
{
    enum cli_exit exit = CLI_EXIT_OK;
    for (size_t i = 0; i < line->given_count && exit == CLI_EXIT_OK; i++) {
        const char *value = line->given[i].value;
        if (strcmp(line->given[i].option->name, "header") != 0)
            continue;
        exit = value[0] == '@' ? header_file_add(cli, value + 1, settings)
                               : header_add(cli, rentbus_text(value), settings);
    }
    return exit;
}

/* ---- the endpoint ---- */

/* Whether the URL has such a part, which is the word if there is one to compare with. */
static bool url_has(const struct webhook_curl *curl, CURLU *url, CURLUPart part, const char *word)
{
    char *text = NULL;
    bool has = curl->url_get(url, part, &text, 0) == CURLUE_OK;
    has = has && (!word || strcmp(text, word) == 0);
    curl->free(text);
    return has;
}

/* NULL, or what is wrong with it. */
static const char *url_check(const struct webhook_curl *curl, const char *text)
{
    const char *problem = NULL;
    CURLU *url = curl->url();
    if (!url)
        return "there is no memory for it";
    if (curl->url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
        (!url_has(curl, url, CURLUPART_SCHEME, "http") &&
         !url_has(curl, url, CURLUPART_SCHEME, "https")))
        problem = "must be an http:// or https:// address";
    else if (url_has(curl, url, CURLUPART_USER, NULL) ||
             url_has(curl, url, CURLUPART_PASSWORD, NULL))
        problem = "must not hold a user or a password, for all to see: --header @FILE is for that";
    curl->url_cleanup(url);
    return problem;
}

static enum cli_exit endpoint_read(const struct cli *cli, const struct cli_line *line,
                                   struct webhook_settings *settings)
{
    const char *problem = NULL;
    settings->url = cli_line_value(line, "url");
    settings->cacert = cli_line_value(line, "cacert");
    if (!settings->url)
        return cli_report_usage(cli, "lambda webhook: --url is missing");
    settings->curl = webhook_curl_load(&problem);
    if (!settings->curl) {
        cli_report(cli, "CONFIGURATION", "%s", problem);
        return CLI_EXIT_CONFIGURATION;
    }
    problem = url_check(settings->curl, settings->url);
    if (problem)
        return cli_report_usage(cli, "--url: %s", problem);
    if (!settings->cacert || access(settings->cacert, R_OK) == 0)
        return CLI_EXIT_OK;
    cli_report(cli, "CONFIGURATION", "--cacert: %s: %s", settings->cacert, strerror(errno));
    return CLI_EXIT_CONFIGURATION;
}

enum cli_exit webhook_settings_read(const struct cli *cli, const struct cli_line *line,
                                    struct webhook_settings *settings)
{
    *settings = (struct webhook_settings){0};
    enum cli_exit exit = endpoint_read(cli, line, settings);
    if (exit == CLI_EXIT_OK)
        exit = secrets_read(cli, line, settings);
    if (exit == CLI_EXIT_OK)
        exit = headers_read(cli, line, settings);
    if (exit != CLI_EXIT_OK)
        webhook_settings_release(settings);
    return exit;
}

void webhook_settings_release(struct webhook_settings *settings)
{
    for (size_t i = 0; i < settings->header_count; i++)
        free(settings->headers[i]);
    settings->header_count = 0;
    webhook_secrets_wipe(&settings->secrets);
}
