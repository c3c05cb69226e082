# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root of its own for the real programs: `python3 tests/real/unpack.py build/real`.

Debian 12's packages (with all they depend on) are fetched by apt with a state of its own, and unpacked, not installed:
no maintainer script runs, no service starts, nothing of this machine's configuration is read or written but apt's
sources. motionEye comes from PyPI. What the scripts would have set up (accounts, device files, links) is done here.
Runs with Debian's or any other Python >= 3.11; needs root (chroot, device files) and apt-get.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

PACKAGES = (
    "base-files base-passwd bash coreutils dash debianutils findutils grep gzip hostname iproute2 libc-bin mawk procps "
    "sed tar util-linux fdisk motion ffmpeg zoneminder mariadb-server nginx-light fcgiwrap php8.2-cli php8.2-curl "
    "php8.2-fpm php8.2-gd php8.2-intl php8.2-mysql python3 python3-gi gir1.2-gst-rtsp-server-1.0 "
    "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
).split()
MOTIONEYE = "motioneye==0.44.0"
# As debian.org has them; used where this machine is no Debian 12 itself.
SOURCES = """deb {mirror} bookworm main
deb {mirror} bookworm-updates main
deb {mirror}-security bookworm-security main
"""
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}
PHP = ("apcu mysqlnd pdo ctype curl exif fileinfo gd gettext iconv intl mysqli pdo_mysql phar posix sockets sysvshm "
       "sysvsem tokenizer").split()  # fmt: skip
STAMP = " ".join([*PACKAGES, MOTIONEYE, "4"])


def run(*command: str | Path, **more: object) -> None:
    subprocess.run([str(part) for part in command], check=True, **more)  # type: ignore[call-overload]


def fetch(base: Path) -> Path:
    """The folder with the .deb files. Empty lists of installed packages make apt fetch everything that is needed."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (base / name).mkdir(parents=True, exist_ok=True)
    (base / "status").write_text("")
    (base / "empty").mkdir(exist_ok=True)
    options = {
        "Dir::State": base / "state", "Dir::State::status": base / "status", "Dir::Cache": base / "cache",
        "APT::Install-Recommends": "false", "APT::Sandbox::User": "root", "APT::Keep-Downloaded-Packages": "true",
        "Acquire::Retries": "3", "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": base / "empty",
        # Containers often tidy up after each run of apt; here the files are what we came for.
        "DPkg::Post-Invoke": "", "Binary::apt::APT::Keep-Downloaded-Packages": "true",
    }  # fmt: skip
    if "VERSION_CODENAME=bookworm" not in Path("/etc/os-release").read_text():
        keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
        if not keyring.exists():
            sys.exit("needs Debian 12, or another system with debian-archive-keyring")
        sources = SOURCES.format(mirror="http://deb.debian.org/debian").replace("deb ", f"deb [signed-by={keyring}] ")
        (base / "sources.list").write_text(sources)
        options |= {"Dir::Etc::SourceList": base / "sources.list", "Dir::Etc::SourceParts": base / "empty"}
    apt = ["apt-get", "-q", "-y", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]
    quiet = {"stdout": subprocess.DEVNULL}
    run(*apt, "update", **quiet)
    run(*apt, "install", "--download-only", *PACKAGES, **quiet)
    return base / "cache" / "archives"


def unpack(archives: Path, root: Path) -> int:
    debs = sorted(archives.glob("*.deb"))
    script = 'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$0" --keep-directory-symlink'
    running: list[subprocess.Popen[bytes]] = []
    for deb in debs:
        if len(running) >= (os.cpu_count() or 1):
            _ended(running.pop(0))
        running.append(subprocess.Popen(["bash", "-o", "pipefail", "-c", script, str(root), str(deb)]))
    for one in running:
        _ended(one)
    return len(debs)


def _ended(process: subprocess.Popen[bytes]) -> None:
    if process.wait() != 0:
        sys.exit("a package could not be unpacked")


def furnish(root: Path) -> None:
    """What the packages' own scripts do, as far as the programs need it."""
    etc = root / "etc"
    for name, line in (("passwd", "mysql:x:105:105::/nonexistent:/bin/false\n"), ("group", "mysql:x:105:\n")):
        (etc / name).write_text((root / f"usr/share/base-passwd/{name}.master").read_text() + line)
    (etc / "hosts").write_text("127.0.0.1 localhost\n")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    for name, (major, minor) in DEVICES.items():
        if not (root / "dev" / name).exists():
            os.mknod(root / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(major, minor))
            (root / "dev" / name).chmod(0o666)
    for name in ("dev/shm", "tmp", "run/mysqld", "run/zm", "tmp/zm", "var/log/zm", "scratch"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("dev/shm", "tmp", "tmp/zm", "run/zm"):
        (root / name).chmod(0o1777)
    # Alternatives: libraries that a link in the usual folder would point at.
    folders = [f"/{path.relative_to(root)}" for name in ("blas", "lapack", "pulseaudio")
               for path in root.glob(f"usr/lib/*-linux-gnu/{name}")]  # fmt: skip
    (etc / "ld.so.conf.d/alternatives.conf").write_text("\n".join(folders) + "\n")
    run("ldconfig", "-r", root)
    for name, target in (("php", "php8.2"), ("awk", "mawk"), ("which", "which.debianutils")):
        if not (root / "usr/bin" / name).exists():
            (root / "usr/bin" / name).symlink_to(target)
    for kind in ("cli", "fpm"):
        folder = etc / "php/8.2" / kind / "conf.d"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "20-all.ini").write_text("".join(f"extension={name}.so\n" for name in PHP))
    core = (root / "usr/share/zoneminder/www/api/app/Config/core.php.default").read_text()
    core = core.replace("__ZM_API_SALT__", "s" * 29).replace("__ZM_API_SEED__", "7" * 40)
    (etc / "zm/core.php").write_text(core)
    for name in ("var/cache/zoneminder", "var/log/zm", "var/lib/zm", "etc/zm"):
        run("chown", "-R", "33:33", root / name)


def motioneye(root: Path) -> None:
    place = root / "opt/motioneye"
    run(sys.executable, "-m", "pip", "install", "-qq", "--target", place, "--python-version", "3.11",
        "--only-binary", ":all:", "--no-compile", "--disable-pip-version-check", "--root-user-action", "ignore",
        MOTIONEYE)  # fmt: skip


def main() -> int:
    if os.geteuid() != 0:
        print("tests with the real programs need root (chroot, device files)", file=sys.stderr)
        return 2
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        print("tests with the real programs need Debian's apt-get and dpkg-deb", file=sys.stderr)
        return 2
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    base = Path(sys.argv[1]).resolve()
    root, stamp = base / "root", base / "root.ready"
    if stamp.exists() and stamp.read_text() == STAMP:
        print(f"{root} is there")
        return 0
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    number = unpack(fetch(base / "apt"), root)
    furnish(root)
    motioneye(root)
    stamp.write_text(STAMP)
    print(f"{number} packages of Debian 12 and {MOTIONEYE} are unpacked into {root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
