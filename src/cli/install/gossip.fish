# Completes gossip in fish: the program itself knows what can stand there.
function __gossip_complete
    set -l before (commandline -opc)
    set -l found (gossip complete fish -- $before[2..-1] (commandline -ct) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c gossip -f -a '(__gossip_complete)'
