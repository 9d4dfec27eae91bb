/* SPDX-License-Identifier: MPL-2.0 */
#ifndef RENTBUS_RENTBUS_H
#define RENTBUS_RENTBUS_H
#include <rentbus/schema.h>
#endif
