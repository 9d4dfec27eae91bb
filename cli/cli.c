/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/cli.h"

#include "cli/report.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define TIMEOUT_PATIENT_MS (60u * 60 * 1000)
#define TIMEOUT_DEFAULT_MS 5000

static const char *endpoint(const char *option, const char *variable, const char *otherwise)
{
    const char *value = option ? option : getenv(variable);
    return value ? value : otherwise;
}

const char *cli_api(const struct cli *cli)
{
    return endpoint(cli->options.api, "RENTBUS_API", RENTBUS_API_DEFAULT);
}

const char *cli_events(const struct cli *cli)
{
    return endpoint(cli->options.events, "RENTBUS_EVENTS", RENTBUS_EVENTS_DEFAULT);
}

uint32_t cli_timeout_ms(const struct cli *cli)
{
    return cli->options.timeout_ms ? cli->options.timeout_ms : TIMEOUT_DEFAULT_MS;
}

int64_t cli_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * RENTBUS_SECOND + now.tv_nsec / 1000;
}

void cli_release(struct cli *cli)
{
    rentbus_client_close(&cli->client);
}

enum cli_exit cli_connect(struct cli *cli)
{
    if (cli->client)
        return CLI_EXIT_OK;
    int error = rentbus_client_open(&cli->options, &cli->client);
    if (error == 0)
        return CLI_EXIT_OK;
    if (error == -ENOMEM) {
        cli_report_failure(cli, error, NULL);
        return CLI_EXIT_INTERNAL;
    }
    cli_report(cli, "CONFIGURATION", "%s is no endpoint (as in ipc:///run/rentbus/api.sock): %s",
               cli_api(cli), strerror(-error));
    return CLI_EXIT_CONFIGURATION;
}

enum cli_exit cli_call(struct cli *cli, enum rentbus_op op, const struct rentbus_uuid *command_id,
                       const void *args, void *result)
{
    enum cli_exit exit = cli_connect(cli);
    if (exit != CLI_EXIT_OK)
        return exit;
    int status = rentbus_call(cli->client, op, command_id, args, result);
    if (status > 0)
        cli_report_fault(cli, rentbus_client_fault(cli->client));
    else if (status < 0)
        cli_report_failure(cli, status, command_id);
    return cli_exit_of_status(status);
}

enum cli_exit cli_be_patient(struct cli *cli)
{
    struct rentbus_hello_result hello;
    enum cli_exit exit = cli_call(cli, RENTBUS_OP_hello, NULL, NULL, &hello);
    if (exit != CLI_EXIT_OK)
        return exit;
    cli_release(cli);
    if (!cli->options.timeout_ms)
        cli->options.timeout_ms = TIMEOUT_PATIENT_MS;
    return CLI_EXIT_OK;
}

enum cli_exit cli_command_id(struct cli *cli, const char *given, struct rentbus_uuid *command_id)
{
    if (given)
        return rentbus_uuid_parse(rentbus_text(given), command_id)
                   ? CLI_EXIT_OK
                   : cli_report_usage(cli, "--id: %s is not a UUID", given);
    enum cli_exit exit = cli_connect(cli);
    if (exit != CLI_EXIT_OK)
        return exit;
    int error = rentbus_client_command_id(cli->client, command_id);
    if (error)
        cli_report_failure(cli, error, NULL);
    return cli_exit_of_status(error);
}
