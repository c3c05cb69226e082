#!/usr/bin/env bash
# The main job on the pretend site, start to end. Called by `make demo`; everything it makes lies below build/lab.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_CONFIG="$PWD/ansible.cfg" ANSIBLE_FORCE_COLOR="${ANSIBLE_FORCE_COLOR:-}"
LAB="$PWD/build/lab"
say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
fail() { printf '\nThe demonstration stopped: %s\n' "$*" >&2; exit 1; }

playbook() {  # name, then the exit codes of the run that are expected here (DESIGN 9)
  local name=$1 expected=$2 code
  shift 2
  ansible-playbook "playbooks/$name.yml" -i inventory/lab --vault-password-file "$LAB/vault-password" \
    -e nwcs_fail=false "$@" | awk '
      # The play-by-play stays in the log; what a person wants to see here is progress, findings and the table.
      { print > log_file } /^\[ *[0-9]+\/[0-9]+\]/ { print } /^SIMULATED/ { table = 1 } /^TASK|^PLAY RECAP/ { table = 0 }
      table { print } /^\[ERROR\]|^\[WARNING\]/ { print }' log_file="$LAB/site/$name.log"
  [ "${PIPESTATUS[0]}" -eq 0 ] || fail "playbooks/$name.yml failed, see $LAB/site/$name.log"
  code=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["exit_code"])' "$LAB/site/reports/latest/result.json")
  case " $expected " in *" $code "*) ;; *) fail "playbooks/$name.yml ended with $code, expected one of: $expected" ;; esac
}

trap 'printf "\nStopped. The lab may still run: make demo-down\n" >&2; exit 130' INT TERM

say "The pretend site: six cameras, a recorder, a router, all SIMULATED and as they leave the factory"
nwcs-lab down --dir "$LAB" >/dev/null 2>&1
rm -rf "$LAB/site"
mkdir -p "$LAB/site" && chmod 700 "$LAB/site"
nwcs-lab up --dir "$LAB" || fail "the lab did not start"
# A vault password for this demonstration only. On a real site it is yours, and nobody can replace it.
(umask 077 && python -c 'import secrets; print(secrets.token_urlsafe(24))' > "$LAB/vault-password")

say "1. Harden: every write is read back and proven, the management path last (playbooks/harden.yml)"
playbook harden "2 3 4"
say "2. Someone restarts the two cameras that show their settings only then; harden again, and let it restart them itself"
nwcs-lab restart --dir "$LAB" cam-corridor
nwcs-lab restart --dir "$LAB" cam-garage
python - "$LAB" <<'PY' || fail "a restarted camera did not come back"
import sys, time
from ansible_collections.nwcs.hardening.lab.client import LabClient
lab = LabClient(sys.argv[1])
deadline = time.monotonic() + 20
while not all(device["up"] for device in lab.status()["devices"]):
    if time.monotonic() > deadline:
        sys.exit(1)
    time.sleep(0.1)
PY
playbook harden "2 3 4" -e nwcs_restart=true
say "3. Record what the devices hold (playbooks/record.yml)"
playbook record "0 3"
say "4. Drift check on the untouched site: nothing unexplained (playbooks/drift.yml)"
playbook drift "0 3"
say "5. An intruder was there: what the industry's survey of attacks reports is played"
nwcs-lab attack --dir "$LAB"
say "6. Drift check again: each of these, in words (playbooks/drift.yml)"
playbook drift "2 4"

say "Where everything lies"
printf '  parameter sheets  %s\n' "$LAB/site/parameter_sheets/demo/"
printf '  secrets           %s (encrypted; ansible-vault view --vault-password-file %s FILE)\n' "$LAB/site/secrets/demo/" "$LAB/vault-password"
printf '  reports           %s\n' "$LAB/site/reports/"
printf '  newest report     %s\n' "$LAB/site/reports/latest/report.html"
printf '\nThe lab goes on for an hour, to try things yourself (README, five minutes). To end it: make demo-down\n'
