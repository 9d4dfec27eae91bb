/* SPDX-License-Identifier: MPL-2.0 */
/* Letting go of the journal's oldest events. */
#include "daemon/api/call.h"

int api_answer_admin_trim(struct api_call *call)
{
    const struct rentbus_trim_args *args = &call->args.admin_trim;
    if (RENTBUS_HAS(args, trim_args, before_seq) == RENTBUS_HAS(args, trim_args, older_than))
        return api_refuse(call, INVALID_ARGUMENT, "before_seq",
                          "exactly one of before_seq and older_than is needed");
    return api_refuse(call, CONFLICT, NULL, "there is no verified snapshot yet");
}
