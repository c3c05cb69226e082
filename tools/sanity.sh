#!/usr/bin/env bash
# ansible-test sanity, on a copy of the collection below build/: it refuses to run in a checkout that is not named
# ansible_collections/nwcs/hardening. Its home lies in build/ too, so nothing of the user's home is touched.
# Called by `make sanity`; further arguments go to ansible-test.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
export PATH="$root/.venv/bin:$PATH"
home=$root/build/sanity-home
copy=$root/build/ansible_collections/nwcs/hardening

rm -rf "$copy"
mkdir -p "$copy" "$home/.ansible/test/cache" "$home/.config/pip" "$home/.pip"

git -c safe.directory='*' ls-files -co --exclude-standard -z | while IFS= read -r -d '' file; do
    case $file in
    collections/*) continue ;;
    esac
    if [ -e "$file" ] || [ -L "$file" ]; then
        printf '%s\0' "$file"
    fi
done | xargs -0 cp -P --parents -t "$copy"

# ansible-test passes neither PIP_* nor the user's home on to pip: hand both over as files.
if [ -e "${HOME:-}/.config/pip/pip.conf" ]; then
    ln -sf "$HOME/.config/pip/pip.conf" "$home/.config/pip/pip.conf"
fi
(
    umask 077
    echo "[global]"
    for name in index_url extra_index_url find_links cert proxy; do
        variable=PIP_${name^^}
        [ -z "${!variable:-}" ] || echo "${name//_/-} = ${!variable}"
    done
) >"$home/.pip/pip.conf"

# ansible-test would download get-pip from a host of its own; the package index alone must do.
python - "$home/.ansible/test/cache" <<'PYTHON'
import pathlib
import re
import sys

import ansible_test._internal.python_requirements as requirements

source = pathlib.Path(requirements.__file__).read_text(encoding="utf-8")
for version in sorted(set(re.findall(r"pip='([\d.]+)'", source))):
    path = pathlib.Path(sys.argv[1]) / f"get_pip_{version.replace('.', '_')}.py"
    path.write_text(
        "import subprocess, sys\n"
        "subprocess.check_call([sys.executable, '-m', 'ensurepip', '--default-pip'])\n"
        "sys.exit(subprocess.call([sys.executable, '-m', 'pip', 'install', '-q', "
        f"'pip=={version}', 'setuptools', 'wheel']))\n",
        encoding="utf-8",
    )
PYTHON

python_version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
cd "$copy"
git init -q
HOME=$home exec ansible-test sanity --venv --python "$python_version" "$@"
