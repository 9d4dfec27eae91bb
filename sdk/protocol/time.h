/* SPDX-License-Identifier: MPL-2.0 */
/* Times and durations as text. Pure: no clock is read here. */
#ifndef RENTBUS_TIME_H
#define RENTBUS_TIME_H

#include "sdk/protocol/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RENTBUS_SECOND INT64_C(1000000) /* microseconds */
#define RENTBUS_DAY (86400 * RENTBUS_SECOND)

/* Reads RFC 3339: "2025-02-10T11:00:00Z", "2025-02-10t11:00:00.5+01:00". Years 0001 to 9999; real
 * days of the calendar only; a leap second (…:59:60Z) counts as the second behind it; digits beyond
 * the microsecond are cut. True and *time in microseconds since 1970-01-01T00:00:00Z, or false. */
RENTBUS_EXPORT bool rentbus_time_parse(struct rentbus_text text, int64_t *time);
/* Writes UTC with a Z, and a fraction of 6 digits when there is one. Returns the length without the
 * NUL. `time` must be one that rentbus_time_parse() can give. */
RENTBUS_EXPORT size_t rentbus_time_format(int64_t time, char text[RENTBUS_TIME_TEXT_SIZE]);

/* Reads an ISO 8601 duration of fixed length: weeks, days, hours, minutes and whole seconds ("P7D",
 * "P2W", "P1DT12H", "PT90M"). Years and months have no fixed length and are refused, and so is
 * nothing ("P", "PT"). At most 100 years of 366 days. */
#define RENTBUS_DURATION_MAX (INT64_C(36600) * 86400)
#define RENTBUS_DURATION_TEXT_SIZE 32
RENTBUS_EXPORT bool rentbus_duration_parse(struct rentbus_text text, int64_t *seconds);
/* "P7D", "P1DT12H", "PT0S". Returns the length without the NUL. */
RENTBUS_EXPORT size_t rentbus_duration_format(int64_t seconds,
                                              char text[RENTBUS_DURATION_TEXT_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
