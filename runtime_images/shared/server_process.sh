# shellcheck shell=sh
# Runs the inference server so that it stops when the container is stopped: SIGTERM reaches it, and 4 s later SIGKILL
# (STOP_GRACE_S).
#
# The kernel keeps a signal from a container's first process unless that process has a handler for it, and most servers
# have none: `exec python3 main.py` would hold the pod's GPU for the whole grace period. So this shell stays the first
# process, handles the signals from its first line on, and collects the processes that the server leaves behind.
#
# Sourced by the start scripts of both images. Images by reference get the same text in `sh -c` where the configuration
# gives their command: so it is POSIX sh, without what Kubernetes would replace in a command: a dollar sign before a
# parenthesis or another dollar sign.

server=        # its process, once it runs
stopping=      # whether a signal has come
signalled=     # whether one has come since the last look
grace_process= # what kills it when its time is over

stop_server() {
    stopping=yes signalled=yes
    [ -n "$server" ] || return 0
    kill -TERM "$server" 2>/dev/null || :
    if [ -z "$grace_process" ]; then
        { sleep "${STOP_GRACE_S:-4}" && kill -KILL "$server"; } >/dev/null 2>&1 &
        grace_process=$!
    fi
}

trap stop_server TERM INT QUIT HUP

# run_server COMMAND [ARGUMENT ...]: returns the server's own status, once it has ended; after a signal starts none.
run_server() {
    [ -z "$stopping" ] || return 143
    "$@" &
    server=$!
    # The signal may have come in between.
    [ -z "$stopping" ] || stop_server
    status=127
    while :; do
        signalled=
        ended=0
        wait "$server" || ended=$?
        # 127: collected before, when a signal came in the same moment.
        [ "$ended" = 127 ] || status=$ended
        # A signal ends `wait` early.
        [ -n "$signalled" ] || break
    done
    [ -z "$grace_process" ] || kill "$grace_process" 2>/dev/null || :
    server='' grace_process=''
    return "$status"
}
