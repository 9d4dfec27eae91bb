/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/options.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge-http/uri.h"

const char http_usage[] =
    "Usage: rentbus-http [OPTION]…\n"
    "Serves a rentbus ledger over HTTP: JSON, and live events.\n"
    "\n"
    "  --listen HOST:PORT          listen here (127.0.0.1:8080); port 0 picks one\n"
    "  --api ENDPOINT              the daemon's requests (ipc:///run/rentbus/api.sock)\n"
    "  --events ENDPOINT           the daemon's events (ipc:///run/rentbus/events.sock)\n"
    "  --max-connections N         open at once (10000)\n"
    "  --max-connections-per-ip N  open at once from one address (no limit)\n"
    "  --allow-remote              listen on an address that other machines reach\n"
    "  --help                      print this\n"
    "  --version                   print the version\n"
    "\n"
    "Environment: RENTBUS_LISTEN, RENTBUS_API, RENTBUS_EVENTS; a flag goes before it.\n"
    "Exit codes: 0 done, 2 usage, 69 the address cannot be bound, 71 the system refused\n"
    "something else, 78 configuration.\n";

enum {
    FLAG_LISTEN = 1,
    FLAG_API,
    FLAG_EVENTS,
    FLAG_MAX,
    FLAG_PER_IP,
    FLAG_REMOTE,
    FLAG_HELP,
    FLAG_VERSION,
    FLAG_COUNT
};

static const struct option flag_rows[] = {
    {"listen", required_argument, NULL, FLAG_LISTEN},
    {"api", required_argument, NULL, FLAG_API},
    {"events", required_argument, NULL, FLAG_EVENTS},
    {"max-connections", required_argument, NULL, FLAG_MAX},
    {"max-connections-per-ip", required_argument, NULL, FLAG_PER_IP},
    {"allow-remote", no_argument, NULL, FLAG_REMOTE},
    {"help", no_argument, NULL, FLAG_HELP},
    {"version", no_argument, NULL, FLAG_VERSION},
    {0},
};

/* What was given, "" for a flag without a value; NULL for what was not. */
struct given {
    const char *values[FLAG_COUNT];
};

static enum http_exit given_read(int argc, char **argv, struct given *given, char *message)
{
    int flag;
    optind = 0;
    opterr = 0;
    while ((flag = getopt_long(argc, argv, ":", flag_rows, NULL)) != -1) {
        if (flag == ':' || flag == '?') {
            snprintf(message, HTTP_OPTIONS_MESSAGE_SIZE,
                     flag == ':' ? "%.200s needs a value"
                                 : "%.200s is no option, or takes no value",
                     argv[optind - 1]);
            return HTTP_EXIT_USAGE;
        }
        given->values[flag] = optarg ? optarg : "";
    }
    if (optind < argc) {
        snprintf(message, HTTP_OPTIONS_MESSAGE_SIZE, "%.200s is not expected", argv[optind]);
        return HTTP_EXIT_USAGE;
    }
    return HTTP_EXIT_OK;
}

static enum http_exit count_read(const char *name, const char *text, unsigned least,
                                 unsigned *count, char *message)
{
    uint64_t number = 0;
    if (!text)
        return HTTP_EXIT_OK;
    if (!http_number_parse(text, strlen(text), &number) || number < least ||
        number > HTTP_CONNECTIONS_MAX) {
        snprintf(message, HTTP_OPTIONS_MESSAGE_SIZE, "--%s must be a number from %u to %u", name,
                 least, HTTP_CONNECTIONS_MAX);
        return HTTP_EXIT_USAGE;
    }
    *count = (unsigned)number;
    return HTTP_EXIT_OK;
}

static enum http_exit listen_read(const struct given *given, struct http_address *address,
                                  char *message)
{
    const char *text = given->values[FLAG_LISTEN];
    const char *source = text ? "--listen" : "RENTBUS_LISTEN";
    if (!text)
        text = getenv("RENTBUS_LISTEN");
    if (!text || !*text)
        text = HTTP_LISTEN_DEFAULT;
    if (http_address_parse(text, address)) {
        snprintf(message, HTTP_OPTIONS_MESSAGE_SIZE,
                 "%s: \"%.200s\" is no address such as 127.0.0.1:8080 or [::1]:8080", source, text);
        return HTTP_EXIT_CONFIG;
    }
    if (!http_address_is_loopback(address) && !given->values[FLAG_REMOTE]) {
        snprintf(message, HTTP_OPTIONS_MESSAGE_SIZE,
                 "%s: %.100s can be reached from other machines, and whoever reaches rentbus-http "
                 "may read and change everything: there is no access control yet. Put a reverse "
                 "proxy with one before 127.0.0.1, or say --allow-remote",
                 source, text);
        return HTTP_EXIT_CONFIG;
    }
    return HTTP_EXIT_OK;
}

enum http_exit http_options_read(int argc, char **argv, struct http_options *options,
                                 char message[HTTP_OPTIONS_MESSAGE_SIZE])
{
    struct given given = {0};
    struct http_options found = {.connections_max = HTTP_CONNECTIONS_DEFAULT};
    enum http_exit code = given_read(argc, argv, &given, message);
    found.help = given.values[FLAG_HELP] != NULL;
    found.version = given.values[FLAG_VERSION] != NULL;
    found.api = given.values[FLAG_API];
    found.events = given.values[FLAG_EVENTS];
    if (code == HTTP_EXIT_OK)
        code = count_read("max-connections", given.values[FLAG_MAX], 1, &found.connections_max,
                          message);
    if (code == HTTP_EXIT_OK)
        code = count_read("max-connections-per-ip", given.values[FLAG_PER_IP], 0,
                          &found.connections_per_ip, message);
    if (code == HTTP_EXIT_OK && !found.help && !found.version)
        code = listen_read(&given, &found.listen, message);
    if (code == HTTP_EXIT_OK)
        *options = found;
    return code;
}
