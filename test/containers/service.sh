#!/bin/bash
# Tests the image of the HTTP service. scripts/containers.sh runs this.
set -uo pipefail
# shellcheck source=test/containers/checks.sh
. "$(dirname "${BASH_SOURCE[0]}")/checks.sh"

USER_ID=10001
FILES=$WORK/files/service
PORT=$(free_port)
URL=https://127.0.0.1:$PORT
export DISABLE_HC_SYSTEMD=true # podman runs a health check when it is asked to

# Keyring, API keys and certificate. What rotates the keyring is the program of the image.
make_files() {
    mkdir -p "$FILES" && published_keyring "$FILES/keyring" && echo "app:$KEY_DIGEST" >"$FILES/api-keys" &&
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$FILES/tls.key" -out "$FILES/tls.crt" -days 2 \
            -subj /CN=caas.test -addext 'subjectAltName=IP:127.0.0.1' 2>"$WORK/openssl.log"
}

keyring() { run_container --rm --user 0 --cap-add dac_override --volume "$FILES:/files" caas-service keyring "$@"; }

# The settings of the service in docs/containers.md, with another port.
start_service() {
    run_container --detach --volume "$WORK/mounts/service:/run/secrets/caas:ro" --env CAAS_LISTEN="127.0.0.1:$PORT" \
        --env CAAS_KEYRING=/run/secrets/caas/keyring --env CAAS_API_KEYS=/run/secrets/caas/api-keys \
        --env CAAS_TLS_CERT=/run/secrets/caas/tls.crt --env CAAS_TLS_KEY=/run/secrets/caas/tls.key \
        --env HEALTH_URL="$URL/health" "$@" caas-service
}

# The options of docs/containers.md for a secret of Podman's.
run_with_secrets() {
    run_container --rm --secret "keyring$1" --secret "api-keys$1" caas-service serve --check
}

ask() { curl --silent --show-error --fail --max-time 20 --cacert "$FILES/tls.crt" "$URL$1" "${@:2}"; }

post() { ask "$1" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d "$2"; }

encrypts() { post /encrypt "{\"userUUID\": \"$UUID\", \"sensitiveData\": \"$TEXT\"}" | grep -F "$1"; }

verifies() { post /verify "{\"userUUID\": \"$UUID\", \"sensitiveData\": \"$TEXT\", \"encryptedData\": \"$DIGEST\"}" | grep -F '"valid":true'; }

generation_is() { ask /health | grep -F "\"active_generation\":$1}"; }

dumps_no_core() { podman exec caas grep -E '^Max core file size +0 +0 ' /proc/1/limits; }

check_start() {
    check 'without a certificate it refuses to listen beyond loopback' \
        refused_with 'insecure' run_container --rm --secret keyring,gid=10001,mode=0440 --secret api-keys,gid=10001,mode=0440 caas-service
    check "Podman's default mode of a secret, 0444, is refused with the remedy" \
        refused_with "wider than 0640; it must belong to that user with mode 0600, or to root with 0640 (a secret that a container platform mounts: root's, with mode 0440 and the user's group)" \
        run_with_secrets ''
    check 'mode 0440 without the group is refused' refused_with 'Permission denied' run_with_secrets ',mode=0440'
    check 'mode 0440 with the group is read' run_with_secrets ',gid=10001,mode=0440'
    check "so is mode 0400 of the user's own" run_with_secrets ',uid=10001,mode=0400'
}

check_service() {
    check 'it starts with the files of a secret, 0440 and its group' start_service --name caas --ulimit "memlock=$(memlock):$(memlock)" || return
    check 'it answers /health' eventually generation_is 1 || return
    check 'it answers /encrypt with the digest of docs/spec.md' encrypts "$DIGEST"
    check 'its health check succeeds' podman healthcheck run caas
    check 'it runs without rights' has_no_rights caas $USER_ID
    check 'its root is read-only' refused_with 'Read-only file system' podman exec caas touch /x
    check 'so are the secrets' refused_with 'Read-only file system' podman exec caas touch /run/secrets/caas/x
    check 'it writes no core file' dumps_no_core
    check 'its secrets are in locked memory' refused logs_say caas 'not in locked memory'
    return 0
}

check_rotation() {
    check 'a staged generation' keyring rotate --stage /files/keyring
    mount_files service 0440 $USER_ID && podman kill --signal HUP caas >/dev/null
    check 'SIGHUP reads the changed secret' eventually logs_say caas 'reloaded'
    check 'the staged generation changes no digest' encrypts "$DIGEST"
    check 'its activation' keyring activate /files/keyring 2
    mount_files service 0440 $USER_ID
    check 'nothing happens before the signal' generation_is 1
    podman kill --signal HUP caas >/dev/null
    check 'the new generation is active' eventually generation_is 2
    check 'the old digest verifies' verifies
}

# The command of the container "reload" of the Deployment in docs/containers.md. It runs in the container of the service: the process
# namespace is shared as in the pod, and two containers of podman's could share one only where they may make cgroups.
check_reload() {
    local command
    mapfile -d '' command < <(/usr/bin/python3 -c '
import sys, yaml
for one in yaml.safe_load_all(open(sys.argv[1])):
    for container in one["spec"].get("template", {}).get("spec", {}).get("containers", []):
        if container["name"] == "reload":
            sys.stdout.write("".join(word + "\0" for word in container["command"] + container["args"]))' \
        "$WORK/documents/kubernetes_service.yaml")
    check 'the command of the container "reload" starts' podman exec --detach caas "${command[@]}" || return
    check 'it waits' eventually podman exec caas pidof sleep
    check 'a third generation' keyring rotate /files/keyring
    mount_files service 0440 $USER_ID
    check 'it signals when the secret has changed' eventually generation_is 3
}

check_end() {
    check 'it stops within the grace period' stops_in_time caas 30
    check 'little locked memory' start_service --name small --ulimit memlock=65536:65536
    check 'it works all the same' eventually encrypts ''
    check 'and its log says so' eventually logs_say small 'not in locked memory'
    check 'it stops too' stops_in_time small 30
}

check 'the image is built' build_image service || exit
make_files && podman secret create keyring "$FILES/keyring" >/dev/null && podman secret create api-keys "$FILES/api-keys" >/dev/null || exit
check_start
new_mount service && mount_files service 0440 $USER_ID || exit
if check_service; then
    check_rotation
    check_reload
    check_end
else
    podman logs caas
fi
remove_containers
