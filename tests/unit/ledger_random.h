/* SPDX-License-Identifier: MPL-2.0 */
/* Random histories of a ledger: few users, things and devices, so that they meet. */
#ifndef RENTBUS_TEST_LEDGER_RANDOM_H
#define RENTBUS_TEST_LEDGER_RANDOM_H

#include "tests/unit/ledger_fixture.h"

/* 0 to count - 1; `random` is a seed at first. */
unsigned ledger_random_below(uint64_t *random, unsigned count);
/* Any command that there is. Its texts live until the next. */
struct ledger_command ledger_random_command(uint64_t *random, struct world *world);
/* Decides, and takes what is decided, so many commands; and now and then what is due. */
void ledger_random_commands(uint64_t *random, struct world *world, unsigned count);

#endif
