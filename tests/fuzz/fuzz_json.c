/* SPDX-License-Identifier: MPL-2.0 */
/* The first byte picks a struct, the rest is JSON for it: what decodes has the same JSON form when
 * it is read back. */
#include "sdk/protocol/json.h"
#include "sdk/protocol/text.h"
#include "tests/fuzz/round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct rentbus_schema *schema = round_trip_schema(data[0]);
    struct rentbus_text json = {(const char *)data + 1, size - 1};
    struct rentbus_buffer scratch = {0};
    union round_trip_struct value;
    struct rentbus_fault fault = {0};
    int result = rentbus_json_decode(schema, json, RENTBUS_STRICT, &scratch, &value, &fault);
    if (result > 0)
        round_trip_fault(result, &fault);
    if (result == 0)
        round_trip(schema, &value);
    rentbus_buffer_release(&scratch);
    return 0;
}
