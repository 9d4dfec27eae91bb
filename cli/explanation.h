/* SPDX-License-Identifier: MPL-2.0 */
/* What the report of `rentbus explain` says in words. Pure. */
#ifndef CLI_EXPLANATION_H
#define CLI_EXPLANATION_H

#include <rentbus/rentbus.h>

/* Why a command was refused, as in "the rental was past its time"; "" for a reason that has no
 * words here. */
const char *cli_explanation_of_reason(struct rentbus_text reason);
/* What an outcome says, and what a verdict says about a candidate. */
const char *cli_explanation_of_outcome(enum rentbus_outcome outcome);
const char *cli_explanation_of_verdict(enum rentbus_verdict verdict);
/* What a command was that began with an event of that type: "return" or "policy put"; NULL when
 * its data names the operation. */
const char *cli_explanation_of_event(struct rentbus_text type);

#endif
