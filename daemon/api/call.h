/* SPDX-License-Identifier: MPL-2.0 */
/* One request on its way through the operations. */
#ifndef RENTBUS_API_CALL_H
#define RENTBUS_API_CALL_H

#include "daemon/api/api.h"
#include "daemon/archive/tally.h"

/* Arguments and results of all operations, one member an operation. */
#define API_ARGS_MEMBER(name, wire, args, result, mode) struct rentbus_##args name;
#define API_RESULT_MEMBER(name, wire, args, result, mode) struct rentbus_##result name;
union api_args {
    RENTBUS_OPS(API_ARGS_MEMBER)
};
union api_result {
    RENTBUS_OPS(API_RESULT_MEMBER)
};

/* A page of a list on its way: `items` are encoded one behind the other. */
struct api_page {
    struct rentbus_buffer *items;
    size_t count;
    size_t limit;
    uint64_t position; /* of the last item */
    bool more;
    char cursor[24];
};

/* The commands of a batch, read; the reply to one of them on its way. */
struct api_batch {
    size_t count;
    struct rentbus_batch_command commands[RENTBUS_BATCH_MAX];
    struct rentbus_uuid sorted[RENTBUS_BATCH_MAX];
    struct rentbus_batch_reply reply;
};

/* A search for rentals in one place: what was found, encoded, with where each ends and the seq that
 * orders it. It ends when `wanted` were found or `patience` looked at; `more` says that there was
 * more behind `reach`, the seq of the last one looked at. */
struct api_source {
    const struct rentbus_rental_list_args *filter;
    int64_t now;
    struct rentbus_buffer bytes;
    size_t count;
    size_t wanted;
    size_t looked;
    size_t patience;
    uint64_t until; /* nobody asks for what lies behind that seq */
    bool more;
    uint64_t reach;
    uint64_t seqs[API_PAGE_MAX + 1];
    size_t ends[API_PAGE_MAX + 1];
};

struct api_call {
    struct api *api;
    const struct api_message *message;
    /* What a READ is answered from: the ledger and the time, in microseconds since 1970, as they
     * are, or as they were behind the event `as_of` (UINT64_MAX: the present). What was closed
     * later than that is not in the archive yet. */
    const struct ledger *ledger;
    int64_t now;
    uint64_t as_of;
    const struct tally *tally; /* the returns as of then; NULL: the archive's and later ones */
    enum rentbus_op op;
    struct rentbus_uuid id; /* all zero until it is read */
    struct rentbus_text traceparent;
    union api_args args;
    union api_result result;
    struct rentbus_bytes rental; /* of a command's result, encoded; no bytes: it is to be encoded */
    struct rentbus_fault fault;
    bool at_once; /* the reply tells of nothing that is not durable */
    struct api_page page;
    /* Ids that were decoded from QR data. */
    char user_id[RENTBUS_ID_MAX];
    char asset_id[RENTBUS_ID_MAX];
};

/* What a handler returns besides 0 (call->result is filled), an error code (call->fault is filled)
 * and a negative errno: the reply comes later, from elsewhere. */
#define API_LATER 10000

struct explanation;
struct past;
struct snapshot_request;
struct trimming;
struct verification;

struct api {
    struct api_settings settings;
    struct engine *engine;
    char version[32];
    int64_t started_at;
    uint64_t requests;
    uint64_t errors;
    struct api_call call;
    struct rentbus_buffer normalized;
    struct rentbus_buffer reply;
    struct rentbus_buffer page;  /* the list of a result */
    struct rentbus_buffer holes; /* of a device */
    struct api_source hot;
    struct api_source cold;
    struct api_batch batch;
    struct engine_publication publication;
    struct tally *tally; /* NULL until stats are asked for */
    struct tally_summary summary;
    struct rentbus_buffer archived;
    struct verification *verification;
    struct snapshot_request *snapshot;
    struct trimming *trimming;
    struct past *past;
    struct explanation *explanation;
};

/* Fills call->fault and returns the code. */
#define api_refuse(call, code, field, ...)                                                         \
    rentbus_fault_set(&(call)->fault, RENTBUS_ERROR_##code, field, __VA_ARGS__)

/* TRIMMED, for who needs the ledger as it was before what can be had again: with the first seq
 * behind which it can be read, and that of the first event. */
int api_refuse_forgotten(const struct api *api, const char *field, struct rentbus_fault *fault);
/* Refuses with TRIMMED and the seq of the first event that there is. */
int api_refuse_trimmed(struct api_call *call, const char *field);

/* Fills call->result of a query from call->ledger, call->now and call->as_of. Returns what a
 * handler does. */
int api_answer(struct api_call *call);
/* Encodes the reply that `status` stands for and hands it to the engine: the one place that turns a
 * result into exactly one reply. */
void api_reply(struct api_call *call, int status);
/* Whether an id of 16 zero bytes: that of nothing. */
bool api_is_nil(const struct rentbus_uuid *id);
/* Whether the encoded item is a map. */
bool api_is_map(struct rentbus_bytes item);
/* Decodes the arguments of call->op, a command, and takes it as call->id, or gives its first
 * outcome; of a dry run, what would be. The command's result is in call->result.rental_return.
 * Returns what a handler does, or BUS_AGAIN. */
int api_take(struct api_call *call, struct rentbus_bytes args);
/* Where the events of the request come from. */
struct chain_origin api_origin(const struct api_call *call);
/* Takes what call->args publish; of a dry run, nothing. Returns what a handler does. */
int api_publish(struct api_call *call, struct chain_origin *origin, bool dry_run);
/* Answers a fetch that waited. As in struct bus_settings. */
bool api_deliver(struct api *api, struct rentbus_bytes route, struct rentbus_uuid request,
                 const struct rentbus_list *deliveries, const struct rentbus_fault *fault);
/* Serves the request again when all that the engine has taken by now is durable: API_LATER, or a
 * negative errno. */
int api_wait(struct api_call *call);
/* The words of a fault, which are borrowed. */
struct rentbus_error api_error(const struct rentbus_fault *fault);
/* The reply with an error, appended to `out`. */
void api_encode_error(const struct rentbus_uuid *id, const struct rentbus_fault *fault,
                      struct rentbus_buffer *out);
/* The reply to a request that a negative errno kept from being served. */
void api_encode_failure(const struct rentbus_uuid *id, int status, struct rentbus_buffer *out);
/* The reply with a result, appended to `out`. */
void api_encode_result(const struct rentbus_uuid *id, enum rentbus_op op, const void *result,
                       struct rentbus_buffer *out);

/* An empty page of at most *limit items (NULL: API_PAGE_DEFAULT). 0, or INVALID_ARGUMENT. */
int api_open_page(struct api_call *call, const uint64_t *limit, struct api_page *page);

/* Where an optional argument stands; NULL when it is not given. */
#define API_GIVEN(args, struct_name, field)                                                        \
    (RENTBUS_HAS(args, struct_name, field) ? &(args)->field : NULL)
/* The same for a list whose cursors begin with `letter`, behind the position of *cursor (NULL: from
 * its front). 0, or INVALID_ARGUMENT. */
int api_open_list(struct api_call *call, char letter, const uint64_t *limit,
                  const struct rentbus_text *cursor, struct api_page *page);
/* Encodes one more item; false when the page is full, and then there is more. */
bool api_page_add(struct api_page *page, const struct rentbus_schema *schema, const void *item);
/* The items of the page, and the cursor behind it; borrowed from the page. */
struct rentbus_list api_page_list(const struct api_page *page);
struct rentbus_text api_page_cursor(struct api_page *page, char letter);

/* For each op of mode COMMAND: makes the ledger's command of the arguments. */
#define API_PREPARE_COMMAND(name)                                                                  \
    int api_prepare_##name(struct api_call *call, struct ledger_command *command);
#define API_PREPARE_QUERY(name)
#define API_PREPARE_READ(name)
#define API_PREPARE_BATCH(name)
#define API_PREPARE_DELIVERY(name)
#define API_DECLARE_PREPARE(name, wire, args, result, mode) API_PREPARE_##mode(name)
RENTBUS_OPS(API_DECLARE_PREPARE)

/* For each op of mode QUERY, READ or BATCH: fills call->result. A READ looks at nothing but its
 * arguments, call->ledger, call->now, and what the archive held as of call->as_of. */
#define API_ANSWER_COMMAND(name)
#define API_ANSWER_QUERY(name) int api_answer_##name(struct api_call *call);
#define API_ANSWER_READ(name) API_ANSWER_QUERY(name)
#define API_ANSWER_BATCH(name) API_ANSWER_QUERY(name)
#define API_ANSWER_DELIVERY(name) API_ANSWER_QUERY(name)
#define API_DECLARE_ANSWER(name, wire, args, result, mode) API_ANSWER_##mode(name)
RENTBUS_OPS(API_DECLARE_ANSWER)

/* Which past a READ asks for: NULL is not given. */
struct api_when {
    const int64_t *at;
    const uint64_t *at_seq;
};
/* Serves a READ of the past. Returns what a handler does. */
int past_serve(struct api_call *call, const struct api_when *when);

/* A trim is prepared in a thread of its own, and then goes on between the commits. */
bool trimming_is_busy(const struct api *api);
void trimming_process(struct api *api);
void trimming_stop(struct api *api);

/* Verification runs in a thread of its own. */
void verification_process(struct api *api);
void verification_stop(struct api *api);
/* Answers whoever asked for a snapshot, when it has been written; or forgets it. */
void snapshot_process(struct api *api);
void snapshot_stop(struct api *api);

#endif
