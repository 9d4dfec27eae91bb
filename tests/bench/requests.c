/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/requests.h"

#include <stdio.h>
#include <time.h>

#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"

void requests_name_user(size_t index, char text[32])
{
    snprintf(text, 32, "user-%06zu", index % REQUESTS_USERS);
}

void requests_name_asset(size_t index, char text[32])
{
    snprintf(text, 32, "asset-%08zu", index);
}

static size_t number(const void *context, size_t index)
{
    return (context ? *(const size_t *)context : 0) + index;
}

static int64_t now(void)
{
    return time(NULL) * RENTBUS_SECOND;
}

void requests_put_user(void *context, size_t index, const struct rentbus_uuid *id,
                       struct rentbus_buffer *out)
{
    char name[32];
    struct rentbus_user args = {0};
    requests_name_user(number(context, index), name);
    RENTBUS_SET(&args, user, id, rentbus_text(name));
    load_encode(RENTBUS_OP_user_put, id, &args, out);
}

void requests_put_asset(void *context, size_t index, const struct rentbus_uuid *id,
                        struct rentbus_buffer *out)
{
    char name[32];
    struct rentbus_asset_put_args args = {0};
    requests_name_asset(number(context, index), name);
    RENTBUS_SET(&args, asset_put_args, id, rentbus_text(name));
    RENTBUS_SET(&args, asset_put_args, asset_type, rentbus_text("mug"));
    load_encode(RENTBUS_OP_asset_put, id, &args, out);
}

void requests_check_out(void *context, size_t index, const struct rentbus_uuid *id,
                        struct rentbus_buffer *out)
{
    char user[32];
    char asset[32];
    struct rentbus_checkout_args args = {0};
    requests_name_user(number(context, index), user);
    requests_name_asset(number(context, index), asset);
    RENTBUS_SET(&args, checkout_args, user_id, rentbus_text(user));
    RENTBUS_SET(&args, checkout_args, asset_id, rentbus_text(asset));
    RENTBUS_SET(&args, checkout_args, location_id, rentbus_text("counter-1"));
    RENTBUS_SET(&args, checkout_args, timestamp, now());
    load_encode(RENTBUS_OP_rental_checkout, id, &args, out);
}

void requests_give_back(void *context, size_t index, const struct rentbus_uuid *id,
                        struct rentbus_buffer *out)
{
    char user[32];
    char asset[32];
    struct rentbus_return_args args = {0};
    requests_name_user(number(context, index), user);
    requests_name_asset(number(context, index), asset);
    RENTBUS_SET(&args, return_args, user_id, rentbus_text(user));
    RENTBUS_SET(&args, return_args, asset_id, rentbus_text(asset));
    RENTBUS_SET(&args, return_args, location_id, rentbus_text("bin-1"));
    RENTBUS_SET(&args, return_args, timestamp, now());
    load_encode(RENTBUS_OP_rental_return, id, &args, out);
}

void requests_get_rental(void *context, size_t index, const struct rentbus_uuid *id,
                         struct rentbus_buffer *out)
{
    const char *rental_id = context;
    struct rentbus_rental_get_args args = {0};
    (void)index;
    RENTBUS_SET(&args, rental_get_args, rental_id, rentbus_text(rental_id));
    load_encode(RENTBUS_OP_rental_get, id, &args, out);
}

void requests_hello(void *context, size_t index, const struct rentbus_uuid *id,
                    struct rentbus_buffer *out)
{
    struct rentbus_empty args = {0};
    (void)context;
    (void)index;
    load_encode(RENTBUS_OP_hello, id, &args, out);
}
