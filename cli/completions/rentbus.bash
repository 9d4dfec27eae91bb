# SPDX-License-Identifier: MPL-2.0
# Completion of rentbus for bash.

_rentbus_verbs="hello checkout return renew forgive flag unflag get list user asset asset-type
    location device policy scan batch events history explain watch import export verify snapshot
    trim publish lambda top command stats bench call help"
_rentbus_common="--api --events --timeout --json --no-color --help --version"

# The options of a verb, or of one of its words.
_rentbus_options() {
    case $1 in
    checkout)
        echo "--user --asset --location --at --expires --period --eligible --override --device"
        echo "--device-seq --clock-offset --event --dry-run --id"
        ;;
    return)
        echo "--asset --user --rental --location --at --override --device --device-seq"
        echo "--clock-offset --event --dry-run --id"
        ;;
    renew) echo "--until --period --override --dry-run --id" ;;
    forgive | flag) echo "--reason --dry-run --id" ;;
    unflag) echo "--dry-run --id" ;;
    get) echo "--at" ;;
    list)
        echo "--user --asset --status --expired --not-expired --taken-from --taken-until"
        echo "--taken-location --due-from --due-until --renewals --returned-from --returned-until"
        echo "--returned-location --returned-asset --eligible-type --closed-by --flag-reason --at"
        echo "--limit"
        ;;
    user) echo "--name --limit --reason --at --dry-run --id" ;;
    location) echo "--name --dry-run --id --at --limit" ;;
    asset) echo "--type --dry-run --id --at --limit" ;;
    device) echo "--at --limit" ;;
    asset-type)
        echo "--period --eligible --limit --renewals --renewal-period --due-soon --at --dry-run"
        echo "--id"
        ;;
    policy)
        echo "--late-return --return-match --user-limit --max-skew --renewal-grace --at --dry-run"
        echo "--id"
        ;;
    scan) echo "--spool --location --checkout --device --clock-offset --upload" ;;
    batch) echo "--atomic --dry-run --id" ;;
    explain) echo "--rental --command" ;;
    stats) echo "--since --until --at" ;;
    events | history) echo "--from --since --to --type --limit" ;;
    watch) echo "--since --type --count --timeout" ;;
    export) echo "--output" ;;
    trim) echo "--before --older-than --yes --dry-run" ;;
    publish) echo "--subject --data --cause --dry-run --id" ;;
    lambda)
        echo "--on --where --from --concurrency --timeout --max-attempts --lease --backoff"
        echo "--backoff-max --output-limit --grace --worker --stream --publish --url --secret-file"
        echo "--header --cacert --since --until --all --yes --last --seed --check --ignore"
        echo "--limit --dry-run --id"
        ;;
    top) echo "--once --interval" ;;
    bench) echo "--prepare --yes --mix --in-flight --clients --duration --count --rate" ;;
    call) echo "--id" ;;
    esac
}

_rentbus_event_types="HELLO_EVENT RENTAL_RETURN_EVENT RENTAL_RETURN_COMPLETE_EVENT
    RENTAL_RETURN_REJECTED_EVENT RENTAL_ASSET_SWAPPED_EVENT RENTAL_CHECKOUT_EVENT
    RENTAL_CREATED_EVENT RENTAL_CHECKOUT_REJECTED_EVENT RENTAL_IMPORTED_EVENT RENTAL_RENEWED_EVENT
    RENTAL_FORGIVEN_EVENT RENTAL_FLAGGED_EVENT RENTAL_UNFLAGGED_EVENT RENTAL_DUE_SOON_EVENT
    RENTAL_EXPIRED_EVENT USER_CREATED_EVENT USER_UPDATED_EVENT USER_BLOCKED_EVENT
    USER_UNBLOCKED_EVENT ASSET_CREATED_EVENT ASSET_UPDATED_EVENT ASSET_TYPE_CREATED_EVENT
    ASSET_TYPE_UPDATED_EVENT LOCATION_CREATED_EVENT LOCATION_UPDATED_EVENT POLICY_UPDATED_EVENT
    COMMAND_REJECTED_EVENT CONSUMER_CREATED_EVENT CONSUMER_UPDATED_EVENT CONSUMER_DELETED_EVENT
    CONSUMER_PAUSED_EVENT CONSUMER_RESUMED_EVENT CONSUMER_RESET_EVENT CONSUMER_SKIPPED_EVENT
    CONSUMER_PARKED_EVENT CONSUMER_REPLAYED_EVENT CONSUMER_DROPPED_EVENT CONSUMER_STALLED_EVENT
    DEVICE_GAP_EVENT DEVICE_IMPORTED_EVENT COMMAND_UNCHANGED_EVENT JOURNAL_TRIMMED_EVENT"

_rentbus_operations="hello rental.return rental.checkout rental.renew rental.forgive rental.flag
    rental.unflag rental.get rental.list user.put user.block user.unblock user.get user.list
    asset.put asset.get asset.list asset_type.put asset_type.get asset_type.list location.put
    location.get location.list device.get device.list policy.put policy.get batch command.get
    events.read publish consumer.put consumer.get consumer.list consumer.delete consumer.pause
    consumer.resume consumer.reset consumer.skip consumer.fetch consumer.ack consumer.nack
    consumer.extend consumer.parked consumer.replay consumer.drop stats explain admin.import
    admin.import_device admin.verify admin.trim admin.snapshot"

# The words that may stand behind a verb.
_rentbus_words() {
    case $1 in
    user) echo "put block unblock get list" ;;
    asset | asset-type | location) echo "put get list" ;;
    device) echo "get list" ;;
    policy) echo "get put" ;;
    history) echo "rental user asset" ;;
    command) echo "get" ;;
    lambda) echo "run webhook test drill list show pause resume reset skip parked replay drop delete" ;;
    call) echo "$_rentbus_operations" ;;
    help) echo "$_rentbus_verbs" ;;
    esac
}

# The verb on the command line: the first word that is neither an option nor the value of one.
_rentbus_verb() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --api | --events | --timeout) ((i++)) ;;
        -*) ;;
        *)
            echo "${COMP_WORDS[i]}"
            return
            ;;
        esac
    done
}

_rentbus() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb choices
    verb=$(_rentbus_verb)
    case $verb:$before in
    *:--api | *:--events | *:--timeout) return ;;
    *:--event | *:--output | *:--spool | *:--secret-file | *:--cacert)
        compopt -o default
        return
        ;;
    policy:--late-return) choices="reject flag forgive_within:" ;;
    policy:--return-match) choices="oldest exact_asset_first soonest_expiry" ;;
    list:--status) choices="IN_PROGRESS COMPLETED FORGIVEN FLAGGED" ;;
    list:--closed-by) choices="return_scan missed_scan forgive flag late_checkout" ;;
    events:--type | history:--type | watch:--type | lambda:--on) choices=$_rentbus_event_types ;;
    lambda:--from) choices="first new" ;;
    lambda:--where) choices="user_id= asset_type= location_id=" ;;
    *:--at | *:--until | watch:--since) choices="now" ;;
    *)
        if [[ $word == -* ]]; then
            choices="$(_rentbus_options "$verb") $_rentbus_common"
        elif [[ -z $verb ]]; then
            choices=$_rentbus_verbs
        else
            choices=$(_rentbus_words "$verb")
        fi
        [[ $verb == @(import|return|checkout|batch|lambda) ]] && compopt -o default
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}

complete -F _rentbus rentbus
