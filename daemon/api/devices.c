/* SPDX-License-Identifier: MPL-2.0 */
/* Reading what is known of the devices that scan. */
#include "daemon/api/call.h"

int api_answer_device_get(struct api_call *call)
{
    return api_refuse(call, UNAVAILABLE, NULL, "devices cannot be read yet");
}

int api_answer_device_list(struct api_call *call)
{
    return api_refuse(call, UNAVAILABLE, NULL, "devices cannot be read yet");
}
