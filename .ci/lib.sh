# shellcheck shell=bash
# Pieces that the CI scripts share. Source it; it changes nothing by itself.

ci_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034  # for the scripts that source this
repo_dir=$(dirname "$ci_dir")

say() { printf '[ci] %s\n' "$*"; }
fail() { printf '[ci] ERROR: %s\n' "$*" >&2; exit 1; }

# step NAME COMMAND…: runs the command under a heading with the time, then says how long it took. Bash turns
# 'set -e' off inside a function that is tested, as here: what has several commands is better a script of its own.
step() {
    local name=$1 started=$SECONDS status=0
    shift
    printf '\n==== %s  %s\n' "$(date '+%H:%M:%S')" "$name"
    "$@" || status=$?
    if [ "$status" -eq 0 ]; then
        printf '==== %s  %s: done in %ss\n' "$(date '+%H:%M:%S')" "$name" "$((SECONDS - started))"
    else
        printf '==== %s  %s: FAILED (exit code %s) after %ss\n' "$(date '+%H:%M:%S')" "$name" "$status" \
            "$((SECONDS - started))"
    fi
    return "$status"
}

# --- packages of the system ------------------------------------------------------------------------------------------

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

# ensure_packages PACKAGE…: installs those that are missing, and asks the network nothing when none is.
ensure_packages() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    local log
    log=$(mktemp)
    # The lock timeouts wait for another apt-get that may be at work.
    if ! { as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y \
            --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        fail "could not install ${missing[*]}"
    fi
    rm -f "$log"
}

# --- Docker Engine ---------------------------------------------------------------------------------------------------

engine_pid=
engine_dir=

engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# Uses the engine that answers; else installs one and starts it. Call stop_engine at exit.
start_engine() {
    if engine_answers; then
        say "Docker Engine $(docker version --format '{{.Server.Version}}') answers"
        return
    fi
    [ -z "${DOCKER_HOST:-}" ] || fail "no Docker Engine answers at DOCKER_HOST"
    command -v dockerd >/dev/null || ensure_packages docker.io iptables
    # From Debian 13 on the client is a package of its own.
    command -v docker >/dev/null || ensure_packages docker-cli
    [ "$(id -u)" -eq 0 ] || fail "no Docker Engine answers, and starting one needs root"
    # dockerd needs the control groups mounted, which an init system would have done.
    if ! mountpoint -q /sys/fs/cgroup; then
        ensure_packages cgroupfs-mount
        cgroupfs-mount
    fi

    engine_dir=$(mktemp -d)
    # No inherited output (a pipe that dockerd holds open would keep the reader of this script waiting after its end),
    # and a session of its own, so that a Ctrl-C here reaches the traps first and they still have an engine.
    setsid dockerd --pidfile "$engine_dir/dockerd.pid" </dev/null >"$engine_dir/log" 2>&1 &
    engine_pid=$!
    local attempt
    for ((attempt = 0; attempt < 120; attempt++)); do
        if engine_answers; then
            say "started Docker Engine $(docker version --format '{{.Server.Version}}')"
            return
        fi
        kill -0 "$engine_pid" 2>/dev/null || break
        sleep 0.5
    done
    tail -n 30 "$engine_dir/log" >&2
    stop_engine
    fail "Docker Engine did not start"
}

# Ends the engine only if start_engine started it, by its process id.
stop_engine() {
    [ -n "$engine_pid" ] || return 0
    stop_process "$engine_pid" 60
    rm -rf "$engine_dir"
    engine_pid=
}

# stop_process PID [SECONDS]: asks it to end, waits, and kills it only then. A negative PID means a process group.
stop_process() {
    local pid=$1 attempt
    kill -TERM -- "$pid" 2>/dev/null || return 0
    for ((attempt = 0; attempt < ${2:-20} * 10; attempt++)); do
        kill -0 -- "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    say "process $pid did not end within ${2:-20}s: killed"
    kill -KILL -- "$pid" 2>/dev/null || true
}

# Compose v2 where there is one, else the older docker-compose.
compose() {
    if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

ensure_compose() {
    docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || ensure_packages docker-compose
}

# docker_build ARGUMENT…: with the builder that this client has. Without its plug-in, BuildKit is refused by the client.
docker_build() {
    local buildkit=0
    if docker buildx version >/dev/null 2>&1; then buildkit=1; fi
    DOCKER_BUILDKIT=$buildkit docker build "$@"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# random_hex [BYTES]: hexadecimal, so that it is safe in a URL and in a compose file as it is.
random_hex() { od -An -v -N"${1:-24}" -tx1 /dev/urandom | tr -d ' \n'; }

# wait_for_url URL SECONDS [PID]: until it answers 2xx; gives up early when the process PID has ended.
wait_for_url() {
    local deadline=$((SECONDS + $2))
    while [ "$SECONDS" -lt "$deadline" ]; do
        if python3 - "$1" <<'PYTHON' 2>/dev/null; then return 0; fi
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=5)
PYTHON
        if [ -n "${3:-}" ] && ! kill -0 "$3" 2>/dev/null; then return 1; fi
        sleep 0.5
    done
    return 1
}
