#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# A letter to whoever has something out that is due soon, or overdue:
#   rentbus lambda run notify --on RENTAL_DUE_SOON_EVENT --on RENTAL_EXPIRED_EVENT -- ./notify.sh
# To send it: -- sh -c './notify.sh | sendmail -t'
read -r event
field() { printf '%s' "$event" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
case $RENTBUS_EVENT_TYPE in
    RENTAL_EXPIRED_EVENT) state="is overdue" ;;
    *) state="is due soon" ;;
esac
cat <<LETTER
To: $(field user_id)@example.org
Subject: $(field asset_id) $state

Please bring $(field asset_id) back: it is yours until $(field expires_at).

LETTER
