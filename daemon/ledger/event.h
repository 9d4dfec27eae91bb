/* SPDX-License-Identifier: MPL-2.0 */
/* Commands and events as the ledger sees them: decoded, with every reference to QR codes resolved.
 * Texts are borrowed from whoever made the value. */
#ifndef RENTBUS_LEDGER_EVENT_H
#define RENTBUS_LEDGER_EVENT_H

#include "sdk/protocol/codec.h"
#include "sdk/protocol/schema.h"

/* An event that is not of rentbus itself (RENTBUS_EVENT_NONE): `data` as encoded. */
struct ledger_published {
    struct rentbus_text type;
    struct rentbus_bytes data;
};

/* One event, without its place in the journal's chain. Which member of `data` counts follows from
 * the type's struct in RENTBUS_EVENTS: each member has that struct's name. */
struct ledger_event {
    enum rentbus_event_type type;
    /* A rental, user, asset, asset type or location id; may be absent. */
    struct rentbus_text subject;
    union {
        struct rentbus_hello_data hello_data;
        struct rentbus_return_data return_data;
        struct rentbus_complete_data complete_data;
        struct rentbus_rejected_data rejected_data;
        struct rentbus_swapped_data swapped_data;
        struct rentbus_checkout_data checkout_data;
        struct rentbus_rental_data rental_data;
        struct rentbus_renewed_data renewed_data;
        struct rentbus_judged_data judged_data;
        struct rentbus_user user;
        struct rentbus_asset asset;
        struct rentbus_asset_type asset_type;
        struct rentbus_location location;
        struct rentbus_policy_data policy_data;
        struct rentbus_refused_data refused_data;
        struct rentbus_gap_data gap_data;
        struct rentbus_device device;
        struct rentbus_consumer_data consumer_data;
        struct rentbus_consumer_id_data consumer_id_data;
        struct rentbus_reset_data reset_data;
        struct rentbus_skipped_data skipped_data;
        struct rentbus_parked_data parked_data;
        struct rentbus_seqs_data seqs_data;
        struct rentbus_stalled_data stalled_data;
        struct rentbus_unchanged_data unchanged_data;
        struct rentbus_trimmed_data trimmed_data;
        struct ledger_published published;
    } data;
};

/* A return or a checkout. Texts that were not given have `data` NULL; QR data is decoded already.
 */
struct ledger_scan {
    struct rentbus_text user_id;
    struct rentbus_text asset_id;
    struct rentbus_text rental_id;
    struct rentbus_text location_id;
    struct rentbus_text override;  /* why rules shall not stand against it; absent: they do */
    struct rentbus_text device_id; /* absent: the scan has no place in a device's sequence */
    uint64_t device_seq;           /* with device_id, from 1 on */
    int64_t occurred_at;           /* the true time, microseconds since 1970 */
    bool has_device_time;
    int64_t device_time; /* what the device's clock said, where that was another */
    bool has_expires_at;
    int64_t expires_at;
    bool has_loan_period;
    int64_t loan_period; /* seconds */
    bool has_eligible_asset_types;
    struct rentbus_ids eligible_asset_types;
};

/* A command of one of the ops of mode COMMAND; `op` says which member counts. Its `dry_run`, where
 * it has one, is not the ledger's business: a dry run decides and does not apply. */
struct ledger_command {
    enum rentbus_op op;
    union {
        struct ledger_scan scan; /* rental_return, rental_checkout */
        struct rentbus_renew_args rental_renew;
        struct rentbus_reason_args rental_forgive;
        struct rentbus_reason_args rental_flag;
        struct rentbus_unflag_args rental_unflag;
        struct rentbus_user_put_args user_put;
        struct rentbus_user_block_args user_block;
        struct rentbus_user_unblock_args user_unblock;
        struct rentbus_asset_put_args asset_put;
        struct rentbus_asset_type_put_args asset_type_put;
        struct rentbus_location_put_args location_put;
        struct rentbus_policy_put_args policy_put;
        struct rentbus_import_args admin_import;
        struct rentbus_import_device_args admin_import_device;
        /* Not the ledger's business: those of the bus. */
        struct rentbus_publish_args publish;
        struct rentbus_consumer_put_args consumer_put;
        struct rentbus_consumer_args consumer_delete;
        struct rentbus_consumer_args consumer_pause;
        struct rentbus_consumer_args consumer_resume;
        struct rentbus_consumer_reset_args consumer_reset;
        struct rentbus_consumer_skip_args consumer_skip;
        struct rentbus_consumer_parked_args consumer_replay;
        struct rentbus_consumer_parked_args consumer_drop;
    } args;
};

#endif
