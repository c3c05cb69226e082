#!/usr/bin/env bash
# Builds the wheel, installs it into a fresh environment with an empty home, and looks from an empty folder whether the
# commands start, the modules are documented and every playbook is found by its full name. Called by `make wheel`.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$root/build/wheel-check
rm -rf "$work"
mkdir -p "$work/home" "$work/elsewhere"

echo "== build the wheel"
.venv/bin/python -m pip wheel -q --no-deps -w "$work/dist" "$root"
wheel=$(echo "$work"/dist/nwcs_hardening-*.whl)
echo "   ${wheel##*/}"

echo "== look into it"
.venv/bin/python - "$wheel" <<'PYTHON'
import sys
import zipfile

prefix = "ansible_collections/nwcs/hardening/"
names = [name for name in zipfile.ZipFile(sys.argv[1]).namelist() if ".dist-info/" not in name]
allowed = ("LICENSE", "galaxy.yml", "inventory/example/", "lab/", "meta/", "playbooks/", "plugins/", "policies/", "roles/", "systemd/")
wrong = [name for name in names if not name.startswith(tuple(prefix + part for part in allowed)) or "__pycache__" in name]
missing = [part for part in ("galaxy.yml", "meta/runtime.yml", "plugins/") if not any(n.startswith(prefix + part) for n in names)]
if wrong or missing:
    sys.exit(f"does not belong into the wheel: {wrong}; missing in it: {missing}")
print(f"   {len(names)} files")
PYTHON

echo "== install it"
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q "${wheel}[lab]"

echo "== use it from elsewhere"
unset ANSIBLE_CONFIG ANSIBLE_COLLECTIONS_PATH ANSIBLE_INVENTORY PYTHONPATH
export HOME=$work/home ANSIBLE_HOME=$work/home/.ansible PATH="$work/venv/bin:$PATH"
cd "$work/elsewhere"
failed=0
try() {
    if "$@" >"$work/output" 2>&1; then
        echo "   ok: ${*##*/}"
    else
        echo "   FAILED: $*"
        sed 's/^/     /' "$work/output"
        failed=1
    fi
}
for command in nwcs-doctor nwcs-drift nwcs-lab nwcs-record-device nwcs-secrets; do
    try "$command" --help
done
for module in "$root"/plugins/modules/*.py; do
    [ -e "$module" ] || continue
    name=$(basename "$module" .py)
    [ "$name" = __init__ ] || try ansible-doc -t module "nwcs.hardening.$name"
done
for playbook in "$root"/playbooks/*.yml; do
    [ -e "$playbook" ] || continue
    try ansible-playbook "nwcs.hardening.$(basename "$playbook" .yml)" --syntax-check
done
exit "$failed"
