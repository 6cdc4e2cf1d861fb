# bash completion of caas(1)
# shellcheck disable=SC2207 # splitting words is what COMPREPLY=($(compgen ..)) is for

# The names that may follow in a comma list: _caas_names LIST NAME...
_caas_names() {
    local head='' list=$1 name
    shift
    [[ $list == *,* ]] && head=${list%,*},
    for name; do
        [[ ",$head" == *",$name,"* ]] || COMPREPLY+=($(compgen -W "$head$name" -- "$list"))
    done
    compopt -o nospace 2>/dev/null # a comma may follow
}

# Completes the value of an option; fails for other words: _caas_value OPTION CUR
_caas_value() {
    case $1 in
        --digests)
            _caas_names "$2" blake2b-512 blake2s-256 hmac-sha256 hmac-sha384 hmac-sha512 hmac-sha512-256 kmac128 kmac256 \
                hmac-md5 hmac-sha1 hmac-ripemd160 hmac-sha224 hmac-sm3 hmac-sha3-256 hmac-sha3-384 hmac-sha3-512
            ;;
        --ciphers) _caas_names "$2" aes-256-gcm chacha20-poly1305 aes-256-ocb aria-256-gcm aes-256-gcm-siv ;;
        --passwords) _caas_names "$2" scrypt argon2id pbkdf2-sha512 ;;
        --user) COMPREPLY=($(compgen -u -- "$2")) ;;
        --access-log) COMPREPLY=($(compgen -W off -- "$2") $(compgen -f -- "$2")) ;;
        --pgdata | --host) COMPREPLY=($(compgen -d -- "$2")) ;;
        --keyring | --api-keys | --api-key-file | --html | --metrics | --tls-cert | --tls-key | --config) ;; # file names are the default
        --username | --jobs | --batch-ms | --pause-ms | --lock-timeout-ms | --sample) compopt +o default 2>/dev/null ;;
        --cluster | --port | --database | --superuser | --schema) compopt +o default 2>/dev/null ;;
        --uuid | --id | --namespace | --digest | --name | --generation | --force-generation | --activate) compopt +o default 2>/dev/null ;;
        --listen | --threads | --password-threads | --max-* | --*-timeout | --rate-limit) compopt +o default 2>/dev/null ;;
        *) return 1 ;;
    esac
    return 0 # also when nothing begins like this
}

# The words that may follow a command.
_caas_words() {
    local connection='--database --host --port --username --help'
    case $1 in
        '') echo setup keyring api-key table report encrypt verify uuid serve --help --version ;;
        setup)
            echo --cluster --pgdata --port --host --superuser --database --schema --keyring --name --new-key --remove --dry-run \
                --help
            ;;
        keyring) echo init rotate activate retire remove list check --help ;;
        'keyring init') echo --digests --ciphers --passwords --help ;;
        'keyring rotate') echo --digests --ciphers --passwords --stage --index --help ;;
        'keyring activate') echo --help ;;
        'keyring retire') echo --activate --database --force-generation --help ;;
        'keyring remove') echo --yes --database --force-generation --help ;;
        'keyring list') echo --json --help ;;
        'keyring check') echo --user --help ;;
        api-key) echo new digest --help ;;
        'api-key new') echo --name --quiet --json --help ;;
        'api-key digest') echo --name --json --help ;;
        table) echo protect backfill rotate cutover check residue status doctor --help ;;
        'table protect') echo --yes --dry-run "$connection" ;;
        'table backfill' | 'table rotate' | 'table cutover')
            echo --api-key-file --jobs --batch-ms --pause-ms --lock-timeout-ms --max-lag-bytes --vacuum --dry-run --json "$connection"
            ;;
        'table check') echo --api-key-file --sample --json "$connection" ;;
        'table residue') echo --json "$connection" ;;
        'table doctor') echo --node --json "$connection" ;;
        'table status') echo --json --watch "$connection" ;;
        report) echo --html --metrics "$connection" ;;
        encrypt) echo --keyring --uuid --id --namespace --generation --line --raw --help ;;
        verify) echo --keyring --uuid --id --namespace --digest --line --raw --help ;;
        uuid) echo --id --namespace --help ;;
        serve)
            echo --keyring --api-keys --listen --tls-cert --tls-key --insecure --check --threads --password-threads --max-body --max-memory \
                --max-connections --max-connections-per-address --request-timeout --idle-timeout --rate-limit --access-log --config --help
            ;;
    esac
}

_caas() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=''
    # readline takes "--option=value" apart at the equals sign
    [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
    [[ $cur == = ]] && cur=''
    COMPREPLY=()
    _caas_value "$prev" "$cur" && return
    ((COMP_CWORD > 1)) && command=${COMP_WORDS[1]}
    [[ $command == keyring || $command == api-key || $command == table ]] && ((COMP_CWORD > 2)) && command+=" ${COMP_WORDS[2]}"
    # After the name of a keyring command comes a file: options only when one has begun.
    [[ $command == 'keyring '* && $cur != -* ]] && return
    if [[ $command == 'table '* && $cur != -* ]]; then # the name of a table, or of a column
        compopt +o default 2>/dev/null
        return 0
    fi
    COMPREPLY=($(compgen -W "$(_caas_words "$command")" -- "$cur"))
}

complete -o default -F _caas caas
