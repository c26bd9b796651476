# Completion of sso-refresh in bash 3.2 and later. With bash-completion, put this file here:
#
#   ~/.local/share/bash-completion/completions/sso-refresh
#
# or for all users into /usr/share/bash-completion/completions/. Without it, add this line to ~/.bashrc:
#
#   source <(sso-refresh completions bash)

_sso_refresh() {
    local i kind reply
    COMPREPLY=()
    if [[ ${COMP_WORDS[1]} == exec ]]; then
        for ((i = 2; i < COMP_CWORD; i++)); do
            if [[ ${COMP_WORDS[i]} == -- ]]; then
                # The command that is run has a completion of its own.
                if declare -F _command_offset >/dev/null; then
                    _command_offset $((i + 1))
                elif ((i + 1 == COMP_CWORD)); then
                    COMPREPLY=($(compgen -c -- "$2"))
                else
                    compopt -o default 2>/dev/null
                fi
                return
            fi
        done
    fi
    {
        IFS= read -r kind
        while IFS= read -r reply; do
            COMPREPLY+=("$reply")
        done
    } < <(SSO_REFRESH_COMPLETE=bash command sso-refresh -- "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    if [[ $kind == files && ${#COMPREPLY[@]} -eq 0 ]]; then
        compopt -o default 2>/dev/null
    fi
}

complete -F _sso_refresh sso-refresh
