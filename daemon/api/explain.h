/* SPDX-License-Identifier: MPL-2.0 */
/* Why a command ended as it did, or a rental is as it is: what the journal says, and what the
 * ledger had to choose from just before. */
#ifndef RENTBUS_API_EXPLAIN_H
#define RENTBUS_API_EXPLAIN_H

#include "daemon/api/call.h"

/* Events of a history in an answer, the oldest. */
#define EXPLAIN_EVENTS_MAX 1000
/* Rentals that a return had to choose from in an answer, those looked at first. */
#define EXPLAIN_CANDIDATES_MAX 1000
/* Events of a rental that are looked at for the one that made it what it is. */
#define EXPLAIN_HISTORY_MAX 100000
/* Events that the archive may be behind: beyond, whoever asks for a rental is told to ask again. */
#define EXPLAIN_BACKLOG_MAX 200000

/* What answers borrow from. NULL-safe. */
void explain_release(struct explanation **explanation);

#endif
