/* SPDX-License-Identifier: MPL-2.0 */
/* Prints one rental as JSON: get_rental RENTAL_ID */
#include <rentbus/rentbus.h>
#include <stdio.h>
#include <string.h>

/* Negative: the library could not. Positive: the daemon would not. */
static const char *problem(const struct rentbus_client *client, int status)
{
    return status < 0 ? strerror(-status) : rentbus_client_fault(client)->message;
}

int main(int argc, char **argv)
{
    struct rentbus_client *client = NULL;
    struct rentbus_rental_get_args args = {0};
    struct rentbus_rental_result result;
    if (argc != 2 || rentbus_client_open(NULL, &client) != 0)
        return 2;

    RENTBUS_SET(&args, rental_get_args, rental_id, rentbus_text(argv[1]));
    int status = rentbus_rental_get(client, NULL, &args, &result);
    if (status == 0) {
        char *json = rentbus_to_json(&rentbus_rental_schema, &result.rental);
        puts(json ? json : "out of memory");
        rentbus_free(json);
    } else {
        fprintf(stderr, "%s: %s\n", argv[1], problem(client, status));
    }
    rentbus_client_close(&client);
    return status == 0 ? 0 : 1;
}
