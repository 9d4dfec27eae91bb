/* SPDX-License-Identifier: MPL-2.0 */
/* Reads of the ledger as it was. */
#include "daemon/api/call.h"

int past_serve(struct api_call *call, const struct api_when *when)
{
    return api_refuse(call, UNAVAILABLE, when->at_seq ? "at_seq" : "at",
                      "the past cannot be read yet");
}
