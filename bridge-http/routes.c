/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/routes.h"

#include "bridge-http/handlers.h"

#define NO_CALL RENTBUS_OP_COUNT

const struct http_route http_routes[] = {
    {"GET", "/rentals/{id}", http_read_on, RENTBUS_OP_rental_get, http_render_thing},
    {"PUT", "/rentals/{id}", http_return_rental, RENTBUS_OP_rental_return, http_render_command},
    {"GET", "/rentals/users/{user_id}", http_list_of_user, RENTBUS_OP_rental_list,
     http_render_of_user},

    {"POST", "/rentals/{id}/renew", http_command_on, RENTBUS_OP_rental_renew, http_render_command},
    {"POST", "/rentals/{id}/forgive", http_command_on, RENTBUS_OP_rental_forgive,
     http_render_command},
    {"POST", "/rentals/{id}/flag", http_command_on, RENTBUS_OP_rental_flag, http_render_command},
    {"POST", "/rentals/{id}/unflag", http_command_on, RENTBUS_OP_rental_unflag,
     http_render_command},

    {"GET", "/rentals/{rental_id}/history", http_read_on, RENTBUS_OP_events_read,
     http_render_events},
    {"GET", "/rentals/{rental_id}/explain", http_read_on, RENTBUS_OP_explain, http_render_result},

    {"POST", "/returns", http_command, RENTBUS_OP_rental_return, http_render_command},
    {"GET", "/rentals", http_read, RENTBUS_OP_rental_list, http_render_result},
    {"POST", "/rentals", http_command, RENTBUS_OP_rental_checkout, http_render_command},
    {"POST", "/batch", http_post_batch, RENTBUS_OP_batch, http_render_result},
    {"GET", "/commands/{id}", http_read_on, RENTBUS_OP_command_get, http_render_result},
    {"GET", "/commands/{command_id}/explain", http_read_on, RENTBUS_OP_explain, http_render_result},
    {"POST", "/imports", http_command, RENTBUS_OP_admin_import, http_render_command},
    {"GET", "/stats", http_read, RENTBUS_OP_stats, http_render_result},
    {"GET", "/events", http_get_events, RENTBUS_OP_events_read, http_render_events},
    {"POST", "/events", http_command, RENTBUS_OP_publish, http_render_command},

    {"GET", "/consumers", http_read, RENTBUS_OP_consumer_list, http_render_result},
    {"GET", "/consumers/{id}", http_read_on, RENTBUS_OP_consumer_get, http_render_thing},
    {"PUT", "/consumers/{id}", http_command_on, RENTBUS_OP_consumer_put, http_render_command},
    {"DELETE", "/consumers/{id}", http_command_on, RENTBUS_OP_consumer_delete, http_render_command},
    {"GET", "/consumers/{id}/parked", http_read_on, RENTBUS_OP_consumer_parked, http_render_result},
    {"POST", "/consumers/{id}/pause", http_command_on, RENTBUS_OP_consumer_pause,
     http_render_command},
    {"POST", "/consumers/{id}/resume", http_command_on, RENTBUS_OP_consumer_resume,
     http_render_command},
    {"POST", "/consumers/{id}/reset", http_command_on, RENTBUS_OP_consumer_reset,
     http_render_command},
    {"POST", "/consumers/{id}/skip", http_command_on, RENTBUS_OP_consumer_skip,
     http_render_command},
    {"POST", "/consumers/{id}/replay", http_command_on, RENTBUS_OP_consumer_replay,
     http_render_command},
    {"POST", "/consumers/{id}/drop", http_command_on, RENTBUS_OP_consumer_drop,
     http_render_command},

    {"GET", "/users", http_read, RENTBUS_OP_user_list, http_render_result},
    {"GET", "/users/{id}", http_read_on, RENTBUS_OP_user_get, http_render_thing},
    {"GET", "/users/{user_id}/history", http_read_on, RENTBUS_OP_events_read, http_render_events},
    {"PUT", "/users/{id}", http_command_on, RENTBUS_OP_user_put, http_render_command},
    {"POST", "/users/{id}/block", http_command_on, RENTBUS_OP_user_block, http_render_command},
    {"POST", "/users/{id}/unblock", http_command_on, RENTBUS_OP_user_unblock, http_render_command},
    {"GET", "/assets", http_read, RENTBUS_OP_asset_list, http_render_result},
    {"GET", "/assets/{id}", http_read_on, RENTBUS_OP_asset_get, http_render_thing},
    {"GET", "/assets/{asset_id}/history", http_read_on, RENTBUS_OP_events_read, http_render_events},
    {"PUT", "/assets/{id}", http_command_on, RENTBUS_OP_asset_put, http_render_command},
    {"GET", "/asset-types", http_read, RENTBUS_OP_asset_type_list, http_render_result},
    {"GET", "/asset-types/{id}", http_read_on, RENTBUS_OP_asset_type_get, http_render_thing},
    {"PUT", "/asset-types/{id}", http_command_on, RENTBUS_OP_asset_type_put, http_render_command},
    {"GET", "/locations", http_read, RENTBUS_OP_location_list, http_render_result},
    {"GET", "/locations/{id}", http_read_on, RENTBUS_OP_location_get, http_render_thing},
    {"PUT", "/locations/{id}", http_command_on, RENTBUS_OP_location_put, http_render_command},
    {"GET", "/devices", http_read, RENTBUS_OP_device_list, http_render_result},
    {"GET", "/devices/{id}", http_read_on, RENTBUS_OP_device_get, http_render_thing},

    {"GET", "/policy", http_read, RENTBUS_OP_policy_get, http_render_thing},
    {"PUT", "/policy", http_command, RENTBUS_OP_policy_put, http_render_command},

    {"GET", "/livez", http_get_livez, NO_CALL, NULL},
    {"GET", "/readyz", http_get_only, RENTBUS_OP_hello, http_render_result},
    {"GET", "/openapi.json", http_get_openapi, NO_CALL, NULL},
};
const size_t http_route_count = sizeof(http_routes) / sizeof(http_routes[0]);
