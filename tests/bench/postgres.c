/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/postgres.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/load.h"
#include "tests/bench/rig.h"

#define FOLDER "/usr/lib/postgresql/15/bin"
#define WAIT_SECONDS 30.0
#define CLIENTS "64"
#define ARGUMENTS_MAX 24
/* Who runs it when we are root, whom it refuses. */
#define NOBODY "nobody"

enum program { INITDB, POSTGRES, PSQL, PGBENCH, PROGRAMS };

static const char *const names[PROGRAMS] = {"initdb", "postgres", "psql", "pgbench"};
static char programs[PROGRAMS][RIG_PATH_SIZE];

static const char schema[] =
    "CREATE TABLE users (id int PRIMARY KEY, returns int NOT NULL DEFAULT 0);\n"
    "CREATE TABLE rentals (id int PRIMARY KEY, user_id int NOT NULL, asset_id text NOT NULL,\n"
    "  status text NOT NULL, location_id text, returned_at timestamptz);\n"
    "CREATE SEQUENCE scan;\n"
    "INSERT INTO users SELECT i FROM generate_series(0, 999) i;\n"
    "INSERT INTO rentals SELECT i, i %% 1000, 'asset-' || i, 'IN_PROGRESS'\n"
    "  FROM generate_series(1, %zu) i;\n"
    "CREATE FUNCTION give_back(scanned int) RETURNS boolean LANGUAGE plpgsql AS $$\n"
    "DECLARE rental rentals;\n"
    "BEGIN\n"
    "  SELECT * INTO rental FROM rentals WHERE id = scanned FOR UPDATE;\n"
    "  IF NOT FOUND OR rental.status <> 'IN_PROGRESS' THEN\n"
    "    RAISE EXCEPTION 'nothing is out';\n"
    "  END IF;\n"
    "  UPDATE rentals SET status = 'COMPLETED', location_id = 'bin-1', returned_at = now()\n"
    "    WHERE id = scanned;\n"
    "  UPDATE users SET returns = returns + 1 WHERE id = rental.user_id;\n"
    "  RETURN true;\n"
    "END $$;\n";

static const char script[] = "SELECT give_back(nextval('scan')::int);\n";

/* Starts the arguments, as somebody who is not root; what they say goes to `log` in the folder. */
static pid_t start(const struct postgres *postgres, const char *const arguments[], const char *log)
{
    const char *all[ARGUMENTS_MAX] = {"setpriv", "--reuid", NOBODY,
                                      "--regid", "nogroup", "--clear-groups"};
    size_t count = geteuid() == 0 ? 6 : 0;
    char path[64];
    posix_spawn_file_actions_t actions;
    for (size_t i = 0; arguments[i] && count < ARGUMENTS_MAX - 1; i++)
        all[count++] = arguments[i];
    all[count] = NULL;
    snprintf(path, sizeof path, "%s/%s", postgres->directory, log);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path, O_CREAT | O_WRONLY | O_TRUNC,
                                     0644);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    pid_t pid = rig_spawn(all, &actions);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

__attribute__((format(printf, 3, 4))) static void write_file(const struct postgres *postgres,
                                                             const char *name, const char *format,
                                                             ...)
{
    char path[64];
    va_list arguments;
    snprintf(path, sizeof path, "%s/%s", postgres->directory, name);
    FILE *file = fopen(path, "we");
    if (!file)
        load_fail("cannot write %s", path);
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    if (fclose(file))
        load_fail("cannot write %s", path);
}

static void make_folder(struct postgres *postgres)
{
    *postgres = (struct postgres){.directory = "/tmp/rentbus-bench-XXXXXX"};
    const struct passwd *nobody = geteuid() == 0 ? getpwnam(NOBODY) : NULL;
    if (!mkdtemp(postgres->directory))
        load_fail("cannot make %s", postgres->directory);
    if (geteuid() == 0 && (!nobody || chown(postgres->directory, nobody->pw_uid, nobody->pw_gid)))
        load_fail("cannot hand %s over", postgres->directory);
}

static void load_schema(const struct postgres *postgres, size_t rentals)
{
    char file[64];
    double until = load_clock() + WAIT_SECONDS;
    snprintf(file, sizeof file, "%s/schema.sql", postgres->directory);
    write_file(postgres, "schema.sql", schema, rentals);
    write_file(postgres, "script.sql", "%s", script);
    const char *arguments[] = {programs[PSQL],
                               "-X",
                               "-q",
                               "-h",
                               postgres->directory,
                               "-U",
                               "bench",
                               "-v",
                               "ON_ERROR_STOP=1",
                               "-f",
                               file,
                               "postgres",
                               NULL};
    while (rig_end(start(postgres, arguments, "psql.log"), 0) != 0) {
        if (load_clock() > until)
            load_fail("PostgreSQL does not start, or does not take the schema");
        rig_pause(postgres->pid);
    }
}

_Bool postgres_open(struct postgres *postgres, size_t rentals)
{
    char data[64];
    for (size_t i = 0; i < PROGRAMS; i++)
        if (!rig_find(names[i], FOLDER, programs[i]))
            return 0;
    make_folder(postgres);
    snprintf(data, sizeof data, "%s/data", postgres->directory);
    const char *make[] = {programs[INITDB], "-D", data,   "-U",         "bench",     "-A",
                          "trust",          "-E", "UTF8", "--locale=C", "--no-sync", NULL};
    if (rig_end(start(postgres, make, "initdb.log"), 0) != 0)
        load_fail("initdb has failed");
    const char *serve[] = {programs[POSTGRES],  "-D", data, "-k", postgres->directory, "-c",
                           "listen_addresses=", NULL};
    postgres->pid = start(postgres, serve, "postgres.log");
    load_schema(postgres, rentals);
    return 1;
}

void postgres_close(struct postgres *postgres)
{
    rig_end(postgres->pid, SIGINT);
    rig_remove(postgres->directory);
}

static double read_rate(const struct postgres *postgres)
{
    char path[64];
    char line[256];
    double rate = 0;
    snprintf(path, sizeof path, "%s/pgbench.log", postgres->directory);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "tps = ", 6) == 0)
            rate = strtod(line + 6, NULL);
    if (!file || rate <= 0)
        load_fail("pgbench says no rate");
    fclose(file);
    return rate;
}

double postgres_measure(struct postgres *postgres, unsigned seconds)
{
    char file[64];
    char time[16];
    snprintf(file, sizeof file, "%s/script.sql", postgres->directory);
    snprintf(time, sizeof time, "%u", seconds);
    const char *arguments[] = {programs[PGBENCH],
                               "-n",
                               "-M",
                               "prepared",
                               "-c",
                               CLIENTS,
                               "-j",
                               "2",
                               "-T",
                               time,
                               "-h",
                               postgres->directory,
                               "-U",
                               "bench",
                               "-f",
                               file,
                               "postgres",
                               NULL};
    if (rig_end(start(postgres, arguments, "pgbench.log"), 0) != 0)
        load_fail("pgbench has failed");
    return read_rate(postgres);
}
