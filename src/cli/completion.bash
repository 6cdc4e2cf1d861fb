# bash completion of caas
complete -W 'keyring api-key encrypt verify --help --version' -o default caas
