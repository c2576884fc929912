#compdef gossip
# Completes gossip in zsh: the program itself knows what can stand there.
_gossip() {
    local -a candidates
    candidates=("${(@f)$(gossip complete zsh -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "${candidates[1]}" ]]; then
        _describe -V gossip candidates
    else
        _files
    fi
}
if [[ "${funcstack[1]}" == _gossip ]]; then
    _gossip "$@"
else
    compdef _gossip gossip
fi
