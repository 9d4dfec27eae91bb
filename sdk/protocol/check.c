/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/head.h"
#include "sdk/protocol/text.h"

#include <string.h>

const struct rentbus_cbor_limits rentbus_request_limits = {6 << 20, 1 << 16,
                                                           RENTBUS_CBOR_DEPTH_MAX};
const struct rentbus_cbor_limits rentbus_reply_limits = {64 << 20, 4 << 20,
                                                         RENTBUS_CBOR_REPLY_DEPTH_MAX};

/* A container, or a tag, whose items are being read; the outermost is the message itself, which has
 * one. */
struct frame {
    uint64_t left; /* items to come; when indefinite, none at first and one less with each */
    bool indefinite;
    bool map;
    bool sorted; /* of a map: each key so far is greater than the one before, and in one piece */
    struct rentbus_bytes last; /* of a sorted map: the text of the last key */
    size_t entries;
    uint32_t keys[RENTBUS_CBOR_MAP_MAX]; /* where they begin */
};

struct checker {
    const uint8_t *data;
    size_t length;
    size_t at;
    size_t items_left;
    bool indefinite;
    struct frame *frame;     /* the innermost */
    struct frame *innermost; /* that there may be */
    struct frame frames[1 + RENTBUS_CBOR_REPLY_DEPTH_MAX];
};

/* Reads a text key piece by piece; one that is not chunked is one piece. */
struct key_reader {
    const uint8_t *at;
    const uint8_t *end; /* of the piece */
    bool chunked;
};

static void key_open_piece(struct key_reader *key)
{
    struct rentbus_cbor_head head;
    key->at += rentbus_cbor_head_read(key->at, SIZE_MAX, &head);
    key->end = key->at + head.number;
}

static struct key_reader key_open(const uint8_t *at)
{
    struct key_reader key = {at, at, (at[0] & 0x1f) == RENTBUS_CBOR_INFO_INDEFINITE};
    if (key.chunked)
        key.at = key.end = at + 1;
    else
        key_open_piece(&key);
    return key;
}

/* The next byte, or -1 at the end. */
static int key_next(struct key_reader *key)
{
    while (key->at == key->end) {
        if (!key->chunked || *key->at == RENTBUS_CBOR_BREAK)
            return -1;
        key_open_piece(key);
    }
    return *key->at++;
}

static bool key_equal_chunked(struct key_reader a, struct key_reader b)
{
    int byte;
    do {
        byte = key_next(&a);
        if (byte != key_next(&b))
            return false;
    } while (byte >= 0);
    return true;
}

static bool key_equal(const uint8_t *a, const uint8_t *b)
{
    struct key_reader left = key_open(a);
    struct key_reader right = key_open(b);
    if (left.chunked || right.chunked)
        return key_equal_chunked(left, right);
    size_t length = (size_t)(left.end - left.at);
    return length == (size_t)(right.end - right.at) && memcmp(left.at, right.at, length) == 0;
}

/* Whether `b` stands behind `a` in deterministic order: the longer is greater, then the bytes. */
static bool key_greater(struct rentbus_bytes a, struct rentbus_bytes b)
{
    return a.length == b.length ? memcmp(a.data, b.data, a.length) < 0 : a.length < b.length;
}

/* JSON readers refuse a key with a NUL; refused here, nothing that is kept has one. */
static bool key_has_nul(const uint8_t *at)
{
    struct key_reader key = key_open(at);
    int byte;
    do
        byte = key_next(&key);
    while (byte > 0);
    return byte == 0;
}

static bool frame_has_key(const struct frame *frame, const uint8_t *data, size_t start)
{
    for (size_t i = 0; i < frame->entries; i++) {
        if (key_equal(data + frame->keys[i], data + start))
            return true;
    }
    return false;
}

static enum rentbus_cbor_check check_number(struct checker *checker,
                                            const struct rentbus_cbor_head *head)
{
    (void)checker;
    return head->info == RENTBUS_CBOR_INFO_INDEFINITE ? RENTBUS_CBOR_MALFORMED : RENTBUS_CBOR_OK;
}

static enum rentbus_cbor_check check_piece(struct checker *checker,
                                           const struct rentbus_cbor_head *head)
{
    if (head->number > checker->length - checker->at)
        return RENTBUS_CBOR_MALFORMED;
    const char *data = (const char *)checker->data + checker->at;
    if (head->major == RENTBUS_CBOR_MAJOR_TEXT && !rentbus_utf8_valid(data, head->number))
        return RENTBUS_CBOR_MALFORMED;
    checker->at += head->number;
    return RENTBUS_CBOR_OK;
}

static enum rentbus_cbor_check check_chunks(struct checker *checker, uint8_t major)
{
    checker->indefinite = true;
    while (checker->at < checker->length) {
        if (checker->data[checker->at] == RENTBUS_CBOR_BREAK) {
            checker->at++;
            return RENTBUS_CBOR_OK;
        }
        struct rentbus_cbor_head head;
        size_t size = rentbus_cbor_head_read(checker->data + checker->at,
                                             checker->length - checker->at, &head);
        if (size == 0 || head.major != major || head.info == RENTBUS_CBOR_INFO_INDEFINITE)
            return RENTBUS_CBOR_MALFORMED;
        if (checker->items_left-- == 0)
            return RENTBUS_CBOR_TOO_LARGE;
        checker->at += size;
        enum rentbus_cbor_check check = check_piece(checker, &head);
        if (check != RENTBUS_CBOR_OK)
            return check;
    }
    return RENTBUS_CBOR_MALFORMED;
}

static enum rentbus_cbor_check check_string(struct checker *checker,
                                            const struct rentbus_cbor_head *head)
{
    if (head->info == RENTBUS_CBOR_INFO_INDEFINITE)
        return check_chunks(checker, head->major);
    return check_piece(checker, head);
}

/* Takes the key that begins with its head at `start` into the frame. */
static enum rentbus_cbor_check check_key(struct checker *checker, struct frame *frame, size_t start,
                                         const struct rentbus_cbor_head *head)
{
    if (head->major != RENTBUS_CBOR_MAJOR_TEXT)
        return RENTBUS_CBOR_KEY_TYPE;
    const uint8_t *text = checker->data + checker->at;
    bool whole =
        head->number <= checker->length - checker->at && head->info != RENTBUS_CBOR_INFO_INDEFINITE;
    /* What can be an id is UTF-8 and has no NUL. */
    bool plain = whole && rentbus_id_valid((struct rentbus_text){(const char *)text, head->number});
    if (plain) {
        checker->at += head->number;
    } else {
        enum rentbus_cbor_check check = check_string(checker, head);
        if (check != RENTBUS_CBOR_OK)
            return check;
    }
    if (frame->entries == RENTBUS_CBOR_MAP_MAX)
        return RENTBUS_CBOR_TOO_LARGE;
    if (!plain && key_has_nul(checker->data + start))
        return RENTBUS_CBOR_KEY_TYPE;
    struct rentbus_bytes key = {text, head->number};
    frame->sorted =
        frame->sorted && whole && (frame->entries == 0 || key_greater(frame->last, key));
    if (!frame->sorted && frame_has_key(frame, checker->data, start))
        return RENTBUS_CBOR_DUPLICATE_KEY;
    frame->last = key;
    frame->keys[frame->entries++] = (uint32_t)start;
    return RENTBUS_CBOR_OK;
}

static enum rentbus_cbor_check check_push(struct checker *checker, uint64_t left, bool indefinite,
                                          bool map)
{
    if (checker->frame == checker->innermost)
        return RENTBUS_CBOR_TOO_DEEP;
    struct frame *frame = ++checker->frame;
    frame->left = left;
    frame->indefinite = indefinite;
    frame->map = map;
    frame->sorted = true;
    frame->entries = 0;
    checker->indefinite |= indefinite;
    return RENTBUS_CBOR_OK;
}

static enum rentbus_cbor_check check_container(struct checker *checker,
                                               const struct rentbus_cbor_head *head)
{
    bool map = head->major == RENTBUS_CBOR_MAJOR_MAP;
    /* An item takes a byte at least: a count beyond that is a lie, refused before it is used. */
    size_t room = (checker->length - checker->at) / (map ? 2 : 1);
    if (head->number > room)
        return RENTBUS_CBOR_MALFORMED;
    return check_push(checker, map ? head->number * 2 : head->number,
                      head->info == RENTBUS_CBOR_INFO_INDEFINITE, map);
}

static enum rentbus_cbor_check check_tag(struct checker *checker,
                                         const struct rentbus_cbor_head *head)
{
    if (head->info == RENTBUS_CBOR_INFO_INDEFINITE)
        return RENTBUS_CBOR_MALFORMED;
    return check_push(checker, 1, false, false);
}

static enum rentbus_cbor_check check_simple(struct checker *checker,
                                            const struct rentbus_cbor_head *head)
{
    (void)checker;
    /* RFC 8949, section 3.3: two-byte forms of the one-byte values are not well-formed. */
    bool two_bytes_for_one = head->info == RENTBUS_CBOR_INFO_ONE_BYTE && head->number < 32;
    if (two_bytes_for_one || head->info == RENTBUS_CBOR_INFO_INDEFINITE)
        return RENTBUS_CBOR_MALFORMED;
    return RENTBUS_CBOR_OK;
}

typedef enum rentbus_cbor_check check_function(struct checker *checker,
                                               const struct rentbus_cbor_head *head);

/* Each is called with `at` behind the head. */
static check_function *const check_functions[RENTBUS_CBOR_MAJOR_COUNT] = {
    [RENTBUS_CBOR_MAJOR_UINT] = check_number,     [RENTBUS_CBOR_MAJOR_NEGATIVE] = check_number,
    [RENTBUS_CBOR_MAJOR_BYTES] = check_string,    [RENTBUS_CBOR_MAJOR_TEXT] = check_string,
    [RENTBUS_CBOR_MAJOR_ARRAY] = check_container, [RENTBUS_CBOR_MAJOR_MAP] = check_container,
    [RENTBUS_CBOR_MAJOR_TAG] = check_tag,         [RENTBUS_CBOR_MAJOR_SIMPLE] = check_simple,
};

/* Whether a value is to come: of a map, whose items come in pairs. */
static bool frame_wants_value(const struct frame *frame)
{
    return frame->map && frame->left % 2 != 0;
}

/* Whether the byte at `at` ends the innermost container, one of indefinite length, which is then
 * closed. */
static bool check_break(struct checker *checker, struct frame *frame)
{
    if (frame_wants_value(frame) || checker->at == checker->length ||
        checker->data[checker->at] != RENTBUS_CBOR_BREAK)
        return false;
    checker->at++;
    checker->frame--;
    return true;
}

/* Reads one item, or what ends a container. */
static enum rentbus_cbor_check check_step(struct checker *checker)
{
    struct frame *frame = checker->frame;
    if (frame->indefinite && check_break(checker, frame))
        return RENTBUS_CBOR_OK;
    size_t start = checker->at;
    struct rentbus_cbor_head head;
    size_t size = rentbus_cbor_head_read(checker->data + start, checker->length - start, &head);
    if (size == 0)
        return RENTBUS_CBOR_MALFORMED;
    if (checker->items_left-- == 0)
        return RENTBUS_CBOR_TOO_LARGE;
    checker->at += size;
    frame->left--;
    if (frame_wants_value(frame))
        return check_key(checker, frame, start, &head);
    return check_functions[head.major](checker, &head);
}

/* Closes the containers that have all their items. Whether the message has its item. */
static bool check_settle(struct checker *checker)
{
    while (checker->frame->left == 0 && !checker->frame->indefinite) {
        if (checker->frame == checker->frames)
            return true;
        checker->frame--;
    }
    return false;
}

enum rentbus_cbor_check rentbus_cbor_check(struct rentbus_bytes bytes,
                                           const struct rentbus_cbor_limits *limits)
{
    if (bytes.length > limits->bytes || bytes.length > UINT32_MAX)
        return RENTBUS_CBOR_TOO_LARGE;
    if (bytes.length == 0)
        return RENTBUS_CBOR_MALFORMED;
    struct checker checker;
    checker.data = bytes.data;
    checker.length = bytes.length;
    checker.at = 0;
    checker.items_left = limits->items;
    checker.indefinite = false;
    checker.frame = checker.frames;
    checker.innermost = checker.frames + limits->depth;
    checker.frames[0].left = 1;
    checker.frames[0].indefinite = false;
    checker.frames[0].map = false;
    do {
        enum rentbus_cbor_check check = check_step(&checker);
        if (check != RENTBUS_CBOR_OK)
            return check;
    } while (!check_settle(&checker));
    if (checker.at != checker.length)
        return RENTBUS_CBOR_TRAILING;
    return checker.indefinite ? RENTBUS_CBOR_INDEFINITE : RENTBUS_CBOR_OK;
}

const char *rentbus_cbor_check_text(enum rentbus_cbor_check check)
{
    static const char *const texts[] = {
        [RENTBUS_CBOR_OK] = "is well-formed",
        [RENTBUS_CBOR_INDEFINITE] = "is well-formed, with indefinite lengths",
        [RENTBUS_CBOR_MALFORMED] = "is not well-formed CBOR",
        [RENTBUS_CBOR_TRAILING] = "has bytes behind the CBOR item",
        [RENTBUS_CBOR_KEY_TYPE] = "has a map with a key that is not text without NUL",
        [RENTBUS_CBOR_DUPLICATE_KEY] = "has a map with the same key twice",
        [RENTBUS_CBOR_TOO_DEEP] = "is nested too deeply",
        [RENTBUS_CBOR_TOO_LARGE] = "is too large",
    };
    return texts[check];
}
