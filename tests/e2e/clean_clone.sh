#!/usr/bin/env bash
# Clones the repository into an empty folder and does, with an empty home, what the README says: `make demo` and
# `make demo-down`, twice, and once with Ctrl-C in the middle. No process may remain. Called by .ci/run.
# Needs git, make and python3 (>= 3.11) with venv; pip's own settings of the caller are passed on.
set -euo pipefail
cd "$(dirname "$0")/../.."
source=$PWD
work=$(mktemp -d "${TMPDIR:-/tmp}/nwcs-clean-clone.XXXXXX")
clone="$work/nwcs hardening" # a space in the path is allowed
pip_config=${PIP_CONFIG_FILE:-$HOME/.config/pip/pip.conf}
tidy() {
    if [ -x "$clone/.venv/bin/nwcs-lab" ]; then "$clone/.venv/bin/nwcs-lab" down --dir "$clone/build/lab" >/dev/null 2>&1 || true; fi
    rm -rf "$work"
}
trap tidy EXIT
trap 'exit 143' INT TERM

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# Processes that run out of the clone: their command line or working folder names it.
ours() {
    local process
    for process in /proc/[0-9]*; do
        # This script and its own subshells stand in the clone, too.
        if tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -q "clean_clone\.sh"; then continue; fi
        if [[ "$(readlink "$process/cwd" 2>/dev/null || true)" == "$clone"* ]] ||
            tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -qF "$clone/"; then
            printf '%s %s\n' "${process#/proc/}" "$(tr '\0' ' ' 2>/dev/null <"$process/cmdline" || true)"
        fi
    done
}

nobody_left() {
    local deadline=$((SECONDS + 20))
    while [ -n "$(ours)" ]; do
        [ $SECONDS -lt $deadline ] || fail "after $1 there remains: $(ours)"
        sleep 0.2
    done
    echo "   no process remains after $1"
}

# The environment of somebody who has just logged in, and nothing of the project's.
clean() {
    env -i PATH="/usr/local/bin:/usr/bin:/bin:$(dirname "$(command -v python3)")" HOME="$work/home" LANG=C.UTF-8 \
        ${PIP_CERT:+PIP_CERT="$PIP_CERT"} ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} \
        ${PIP_FIND_LINKS:+PIP_FIND_LINKS="$PIP_FIND_LINKS"} ${PIP_CACHE_DIR:+PIP_CACHE_DIR="$PIP_CACHE_DIR"} \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        ${PIP_CONFIG:+PIP_CONFIG_FILE="$PIP_CONFIG"} "$@"
}

python3 -c 'import socket; s = socket.socket(); s.bind(("127.77.0.11", 8554))' 2>/dev/null ||
    fail "another demonstration runs on this computer (127.77.0): end it first, make demo-down"
if [ -e "$pip_config" ]; then PIP_CONFIG=$pip_config; fi
mkdir "$work/home"
echo "== clone"
git -c safe.directory='*' clone -q --no-hardlinks "file://$source" "$clone"
cd "$clone"

for number in first second; do
    echo "== make demo ($number)"
    clean make demo >"$work/demo.log" 2>&1 || { tail -n 60 "$work/demo.log" >&2; fail "make demo ($number)"; }
    for said in "support" "parameter sheets" "newest report" "cam-lying"; do
        grep -q "$said" "$work/demo.log" || fail "make demo ($number) does not say: $said"
    done
    [ -s build/lab/site/reports/latest/report.html ] || fail "no report after make demo ($number)"
    [ -s build/lab/site/parameter_sheets/demo/cam-entrance.yml ] || fail "no sheet after make demo ($number)"
    clean make demo-down >"$work/down.log" 2>&1 || { cat "$work/down.log" >&2; fail "make demo-down ($number)"; }
    nobody_left "make demo-down ($number)"
done
clean make demo-down >/dev/null 2>&1 || fail "make demo-down without a lab"

echo "== Ctrl-C in the middle of make demo"
# As in a terminal: a group of its own, and SIGINT not ignored (a script's background jobs would ignore it).
clean python3 - "$work/demo.log" <<'PYTHON' || fail "make demo was not interrupted as it should be"
import os, signal, subprocess, sys, time

with open(sys.argv[1], "w") as log:
    demo = subprocess.Popen(
        ["make", "demo"], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while "1. Harden" not in open(sys.argv[1]).read():
        if demo.poll() is not None or time.monotonic() > deadline:
            sys.exit("make demo did not come to harden")
        time.sleep(0.05)
    time.sleep(2)  # any moment will do: ansible-playbook is starting or at work
    os.killpg(demo.pid, signal.SIGINT)
    sys.exit(0 if demo.wait(60) != 0 else "make demo ended well in spite of Ctrl-C")
PYTHON
clean make demo-down >/dev/null 2>&1 || fail "make demo-down after Ctrl-C"
nobody_left "Ctrl-C and make demo-down"
[ -z "$(git -c safe.directory='*' status --porcelain)" ] || fail "the checkout is not clean: $(git -c safe.directory='*' status --porcelain)"
[ -z "$(ls -A "$work/home")" ] || fail "the home is not empty: $(ls -A "$work/home")"
echo "== clean clone: everything passed"
