#!/bin/sh
# Finds a Docker engine or starts one: docker.sh start | stop | status
#
# An engine that answers (DOCKER_HOST, the docker context, the default socket) is used as it is. If none does and
# we are root on Debian or Ubuntu, docker.io is installed and dockerd is started here, without systemd if need be.
# `stop` stops only what `start` has started. State (pid, log): $LOOPWRIGHT_DOCKER_STATE.
set -eu

if [ -n "${LOOPWRIGHT_DOCKER_STATE:-}" ]; then
    state=$LOOPWRIGHT_DOCKER_STATE
elif [ "$(id -u)" = 0 ]; then
    state=/var/lib/loopwright/docker
else
    state=${XDG_STATE_HOME:-$HOME/.local/state}/loopwright/docker
fi
pidfile=$state/dockerd.pid
log=$state/dockerd.log
wait_seconds=${LOOPWRIGHT_DOCKER_WAIT:-60}

say() { echo "docker.sh: $*" >&2; }

# What happened, then how to go on.
die() {
    say "$1"
    [ -z "${2:-}" ] || say "fix: $2"
    exit 1
}

# The engine's version on stdout when one answers. Without the docker CLI the socket is asked directly.
version() {
    if command -v docker >/dev/null 2>&1; then
        timeout 20 docker version --format '{{.Server.Version}}' 2>/dev/null
    else
        python3 - <<'PYTHON' 2>/dev/null
import http.client, json, os, socket
host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
connection = http.client.HTTPConnection("localhost", timeout=20)
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.settimeout(20)
connection.sock.connect(host.removeprefix("unix://"))
connection.request("GET", "/version")
print(json.load(connection.getresponse())["Version"])
PYTHON
    fi
}

# Whether process $1 is a dockerd: a pid file may outlive its process, and the number may be another's by now.
is_dockerd() {
    [ -n "$1" ] && [ -r "/proc/$1/comm" ] && [ "$(cat "/proc/$1/comm")" = dockerd ]
}

ours() {
    pid=$(cat "$pidfile" 2>/dev/null || true)
    is_dockerd "$pid"
}

install_docker() {
    # shellcheck disable=SC1091
    family=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${ID_LIKE:-}")
    case " $family " in
    *" debian "* | *" ubuntu "*) ;;
    *) die "no Docker engine answers, and dockerd is not installed" "install Docker as your distribution documents" ;;
    esac
    say "installing docker.io, iptables and debootstrap"
    mkdir -p "$state"
    # RUNLEVEL=1 keeps the package from starting the service itself: it is started, and stopped, from here.
    if ! { apt-get update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        docker.io iptables debootstrap; } >"$state/install.log" 2>&1; then
        tail -n 15 "$state/install.log" >&2
        die "docker.io could not be installed (see $state/install.log)" "install Docker by hand, then run this again"
    fi
}

start() {
    if found=$(version) && [ -n "$found" ]; then
        say "using the Docker engine that answers: $found"
        return
    fi
    [ -z "${DOCKER_HOST:-}" ] || die "DOCKER_HOST=$DOCKER_HOST does not answer" "unset DOCKER_HOST, or start that engine"
    [ -z "${DOCKER_CONTEXT:-}" ] || die "the Docker context $DOCKER_CONTEXT does not answer" "unset DOCKER_CONTEXT, or start that engine"
    [ "$(uname -s)" = Linux ] || die "no Docker engine answers" "start Docker Desktop (or colima), then run this again"
    [ "$(id -u)" = 0 ] || die "no Docker engine answers, or you may not use it" \
        "sudo systemctl start docker (and: sudo usermod -aG docker $(id -un), then log in again), or run this as root"
    command -v dockerd >/dev/null 2>&1 || install_docker

    mkdir -p "$state"
    if ours; then
        say "dockerd is already starting (pid $pid)"
    else
        # A machine without an init of its own may have no control groups yet, and limits need them.
        grep -q '^[^ ]* /sys/fs/cgroup[ /]' /proc/mounts || mount -t cgroup2 none /sys/fs/cgroup || true
        # A pid file left by a crash keeps a new dockerd from starting when its number is in use again.
        stale=$(cat /var/run/docker.pid 2>/dev/null || true)
        is_dockerd "$stale" || rm -f /var/run/docker.pid
        say "starting dockerd (log: $log)"
        setsid dockerd --host unix:///var/run/docker.sock --log-level warn >>"$log" 2>&1 </dev/null &
        pid=$!
        echo "$pid" >"$pidfile"
    fi
    waited=0
    until found=$(version) && [ -n "$found" ]; do
        # By its number, not by its name: until it is executed it has this script's.
        kill -0 "$pid" 2>/dev/null || { tail -n 15 "$log" >&2; rm -f "$pidfile"; die "dockerd ended at once (log: $log)" "see the log above"; }
        [ "$waited" -lt "$wait_seconds" ] || { tail -n 15 "$log" >&2; die "dockerd does not answer after $waited s (log: $log)" "see the log above"; }
        sleep 1
        waited=$((waited + 1))
    done
    say "Docker $found answers, started here (pid $(cat "$pidfile"))"
}

stop() {
    if ! ours; then
        rm -f "$pidfile"
        say "nothing to stop: no engine was started here"
        return
    fi
    kill "$pid"
    waited=0
    while is_dockerd "$pid"; do
        [ "$waited" -lt 30 ] || kill -9 "$pid"
        sleep 1
        waited=$((waited + 1))
    done
    rm -f "$pidfile"
    say "dockerd (pid $pid) is stopped"
}

status() {
    if found=$(version) && [ -n "$found" ]; then
        if ours; then
            echo "running: Docker $found, started here (pid $pid, log $log)"
        else
            echo "running: Docker $found"
        fi
    else
        echo "not running"
        return 1
    fi
}

case "${1:-}" in
start | stop | status) "$1" ;;
*) die "usage: docker.sh start|stop|status" ;;
esac
