/* SPDX-License-Identifier: MPL-2.0 */
/* Why a command ended as it did. */
#include "daemon/api/call.h"

int api_answer_explain(struct api_call *call)
{
    return api_refuse(call, UNAVAILABLE, NULL, "nothing can be explained yet");
}
