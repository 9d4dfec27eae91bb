/* SPDX-License-Identifier: MPL-2.0 */
/* Fields of the protocol's structs from words and to words, driven by the schema: for options,
 * columns of a database, members of a JSON object, and cells of a table. Pure. */
#ifndef CLI_FIELD_H
#define CLI_FIELD_H

#include <rentbus/rentbus.h>

struct json_t;

/* The longest cell: 32 types of events and their commas. */
#define CLI_FIELD_TEXT_SIZE (RENTBUS_IDS_MAX * (RENTBUS_TYPE_MAX + 1) + 1)

/* Fills *fault; returns the code. `field` may be NULL. */
int cli_fault_set(struct rentbus_fault *fault, enum rentbus_error_code code, const char *field,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Sets a field of the struct at `value` from its text: ids of a list stand between commas. The
 * struct borrows the text. 0, or INVALID_ARGUMENT with *fault naming the field and the rule. */
int cli_field_set(const struct rentbus_schema *schema, size_t index, struct rentbus_text text,
                  void *value, struct rentbus_fault *fault) __attribute__((warn_unused_result));

/* Sets a field from JSON; null leaves it absent. The struct borrows strings of `json`. 0, or
 * INVALID_ARGUMENT with *fault. */
int cli_field_set_json(const struct rentbus_schema *schema, size_t index, const struct json_t *json,
                       void *value, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* 0 when every required field is present, else INVALID_ARGUMENT with *fault naming the first that
 * is missing. */
int cli_field_require(const struct rentbus_schema *schema, const void *value,
                      struct rentbus_fault *fault) __attribute__((warn_unused_result));

/* A field as text for people, "" when it is absent. Returns `out`. Maps are not shown
 * but the holes of a device. */
char *cli_field_text(const struct rentbus_schema *schema, size_t index, const void *value,
                     char out[CLI_FIELD_TEXT_SIZE]);

/* Reads a whole number without a sign, in decimal digits. */
bool cli_number_parse(struct rentbus_text text, uint64_t *number);
/* Reads a time span: seconds ("5", "0.25") or an ISO 8601 duration ("PT5M"), at most 24 days. */
bool cli_milliseconds_parse(struct rentbus_text text, uint32_t *milliseconds);

#endif
