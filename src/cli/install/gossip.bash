# Completes gossip in bash: the program itself knows what can stand there.
_gossip() {
    local IFS=$'\n'
    COMPREPLY=($(gossip complete bash -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o nosort -o default -F _gossip gossip 2>/dev/null || complete -o default -F _gossip gossip
