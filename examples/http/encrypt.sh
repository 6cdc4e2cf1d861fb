#!/bin/bash
# Prints the digest of standard input for a user:  printf %s "$email" | examples/http/encrypt.sh "$user_id"
# CAAS_URL (https://.., or http://127.0.0.1:8443) and CAAS_API_KEY come from the environment. Neither the key nor the value is ever on a command
# line, which every user of the machine can read; base64 spares the value JSON's escaping.
set -euo pipefail
user=${1:?usage: encrypt.sh USER_UUID < value}

printf '{"userUUID": "%s", "sensitiveData": "%s", "encoding": "base64"}' "$user" "$(base64 -w 0)" |
    curl --silent --show-error --fail-with-body --max-time 10 --noproxy '*' "$CAAS_URL/encrypt" \
        -H @<(printf 'Authorization: Bearer %s\n' "$CAAS_API_KEY") -H 'Content-Type: application/json' --data-binary @-
echo
