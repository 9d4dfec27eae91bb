/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The value types that every message is made of, and the descriptors that the schema table
 * (schema.h) expands to. Plain data: nothing here allocates, and nothing here owns memory.
 *
 * A decoded struct points into the bytes that it was decoded from and is valid as long as they are.
 * Threads: values may be read from any thread; the descriptors are constant.
 */
#ifndef RENTBUS_TYPES_H
#define RENTBUS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a program linked to librentbus may use. */
#define RENTBUS_EXPORT __attribute__((visibility("default")))

/* Sizes in bytes. An id is UTF-8 text without control characters. */
#define RENTBUS_ID_MAX 128
#define RENTBUS_TEXT_MAX 1024
/* Base64 of the longest id, with padding. */
#define RENTBUS_QR_MAX 172
/* Ids in one list, such as `eligible_asset_types`, and types of events. */
#define RENTBUS_IDS_MAX 32
/* How far the clock of a device may be off, in milliseconds: 100 years. */
#define RENTBUS_CLOCK_OFFSET_MAX_MS INT64_C(3155760000000)
/* Holes in the sequence of a device that an answer names. */
#define RENTBUS_HOLES_MAX 100
/* Commands in one batch. */
#define RENTBUS_BATCH_MAX 1000
/* Events of one publication; a type in bytes; the data of one event, as CBOR, in bytes; steps from
 * event to handler to event before a loop is suspected. */
#define RENTBUS_PUBLISH_MAX 32
#define RENTBUS_TYPE_MAX 200
#define RENTBUS_EVENT_DATA_MAX 65536
#define RENTBUS_HOPS_MAX 16
#define RENTBUS_UUID_SIZE 16
#define RENTBUS_UUID_TEXT_SIZE 36
#define RENTBUS_HASH_SIZE 32
/* The longest time this library writes, "2025-02-10T11:00:00.123456Z" and its NUL. */
#define RENTBUS_TIME_TEXT_SIZE 28
/* The longest name of a field: as text in CBOR its head is one byte. */
#define RENTBUS_NAME_MAX 23

/* UTF-8 text, `length` bytes, not NUL-terminated. Absent text has `data` NULL. */
struct rentbus_text {
    const char *data;
    size_t length;
};

/* For printf("%.*s", RENTBUS_TEXT_ARGS(text)). */
#define RENTBUS_TEXT_ARGS(text) (int)(text).length, (text).data ? (text).data : ""

struct rentbus_bytes {
    const uint8_t *data;
    size_t length;
};

struct rentbus_uuid {
    uint8_t bytes[RENTBUS_UUID_SIZE];
};

struct rentbus_ids {
    size_t count;
    struct rentbus_text items[RENTBUS_IDS_MAX];
};

/* Maps of one schema, encoded one behind the other: read them with rentbus_list_next(). */
struct rentbus_list {
    const uint8_t *data;
    size_t length; /* bytes */
    size_t count;  /* maps */
};

/* How a field looks in C, in CBOR and in JSON:
 *   ID        struct rentbus_text   text, 1 to 128 bytes             string
 *   TEXT      struct rentbus_text   text, 0 to 1024 bytes            string
 *   QR        struct rentbus_text   text, base64 of an id            string
 *   IDS       struct rentbus_ids    array of at most 32 ids          array of strings
 *   TYPES     struct rentbus_ids    array of at most 32 types of     array of strings
 *                                   events, 1 to 200 letters,
 *                                   digits, `_`, `-` and `.`
 *   TIME      int64_t, microseconds text, RFC 3339                   string
 *             since 1970 in UTC
 *   DURATION  int64_t, seconds      text, ISO 8601 duration          string
 *   UINT      uint64_t              unsigned integer                 number
 *   INT       int64_t               integer                          number
 *   BOOL      bool                  true or false                    true or false
 *   WORD      an enum               text, one of a closed set        string
 *   UUID      struct rentbus_uuid   byte string of 16                string, 8-4-4-4-12 digits
 *   HASH      struct rentbus_bytes  byte string of 32                string, base64
 *   MAP       a struct              map                              object
 *   MAPS      struct rentbus_list   array of maps                    array of objects
 *   ANY       struct rentbus_bytes  any one item, as encoded         anything
 */
enum rentbus_kind {
    RENTBUS_KIND_ID,
    RENTBUS_KIND_TEXT,
    RENTBUS_KIND_QR,
    RENTBUS_KIND_IDS,
    RENTBUS_KIND_TYPES,
    RENTBUS_KIND_TIME,
    RENTBUS_KIND_DURATION,
    RENTBUS_KIND_UINT,
    RENTBUS_KIND_INT,
    RENTBUS_KIND_BOOL,
    RENTBUS_KIND_WORD,
    RENTBUS_KIND_UUID,
    RENTBUS_KIND_HASH,
    RENTBUS_KIND_MAP,
    RENTBUS_KIND_MAPS,
    RENTBUS_KIND_ANY,
};

enum rentbus_need {
    RENTBUS_NEED_REQUIRED,
    RENTBUS_NEED_OPTIONAL, /* left out when absent */
    RENTBUS_NEED_NULLABLE, /* left out of CBOR when absent, null in JSON */
};

/* A closed set of words. Value 0 of each enum is "none" and has no text; texts[0] is "". */
struct rentbus_words {
    const char *name;
    const char *const *texts;
    size_t count; /* with the none */
};

struct rentbus_schema;

/* A name as text in CBOR, with zeros behind it. */
struct rentbus_name {
    uint8_t head;
    char text[RENTBUS_NAME_MAX];
};

struct rentbus_field {
    const char *name;
    size_t name_length;
    size_t offset; /* in the struct */
    enum rentbus_kind kind;
    enum rentbus_need need;
    const struct rentbus_words *words;   /* of a WORD */
    const struct rentbus_schema *schema; /* of a MAP, and of the items of MAPS */
    struct rentbus_name key;             /* one that is never encoded needs none */
};

/* Describes one struct of schema.h. The struct's first member is `uint64_t has`: bit i says that
 * field i is present. Fields stand in the order of deterministic CBOR (RFC 8949, section 4.2.1). */
struct rentbus_schema {
    const char *name;
    const struct rentbus_field *fields;
    size_t count;
    size_t size; /* sizeof the struct */
};

#ifdef __cplusplus
}
#endif

#endif
