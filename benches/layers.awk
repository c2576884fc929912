# Sums a profile of node processes by layer: perf report --stdio --sort comm,dso,sym | awk -f benches/layers.awk
# How to take one, and what the layers are: docs/performance.md.

function layer(object, symbol) {
    if (object ~ /^\[kernel/) return "kernel"
    if (object == "[vdso]" || symbol ~ /clock_gettime|Timespec|gossip::clock|std::time/) return "clock"
    if (symbol ~ /zmq::|^zmq_/ && symbol !~ /gossip::/) return (thread == "gossip") ? "libzmq, node's thread" : "libzmq, I/O thread"
    if (symbol ~ /malloc|_int_free|cfree|^free|calloc|realloc|unlink_chunk|tcache|arena|__rust/) return "allocator"
    if (symbol ~ /mem(move|cpy|cmp|set|chr)/) return "copying and comparing"
    if (symbol ~ /gossip::wire::encode|encode::|serde_core::ser|ser::Serializ/) return "encode"
    if (symbol ~ /gossip::wire|decode::|serde_core::de|from_utf8|hash_one|hash::sip|rmp::marker/) return "decode"
    if (match(symbol, /gossip::core::[a-z_]+/)) return "core, " substr(symbol, RSTART + 14, RLENGTH - 14)
    if (symbol ~ /collections::btree/) return "core, maps"
    if (match(symbol, /gossip::[a-z_]+/)) return substr(symbol, RSTART + 8, RLENGTH - 8)
    return "other"
}

/^ +[0-9.]+%/ {
    share = $1 + 0; thread = $2; object = $3
    symbol = $0; sub(/^.*\[[.k]\] /, "", symbol)
    name = layer(object, symbol)
    sum[name] += share
    if (name ~ /^core, /) sum["core"] += share
}

END { for (name in sum) if (sum[name] >= 0.1) printf "%5.1f %%  %s\n", sum[name], name | "sort -rn" }
