# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""motion, ZoneMinder, motionEye and an RTSP server, started in the unpacked root on free loopback ports.

Every process belongs to a Box and ends with it. State lives in the root's /scratch folder, made anew for each start.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2] / "build" / "real" / "root"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/scratch", "TZ": "UTC"}
START_SECONDS = 60.0

MOTION = """daemon off
pid_file {d}/motion.pid
log_file {d}/motion.log
log_level 6
target_dir {d}/media
netcam_url file:///scratch/test.mkv
width 320
height 240
framerate 5
picture_output off
movie_output off
camera_name cam-01
webcontrol_port {web}
webcontrol_localhost off
webcontrol_interface 1
webcontrol_parms 3
stream_port {stream}
stream_localhost off
log_type ALL
"""
MOTIONEYE = """conf_path {d}/etc
run_path {d}/run
log_path {d}/log
media_path {d}/media
listen 127.0.0.1
port {port}
motion_control_localhost true
motion_control_port {control}
enable_reboot false
"""
FPM = """[global]
error_log = {d}/fpm.log
daemonize = no
[www]
user = www-data
group = www-data
listen = {d}/php.sock
listen.owner = www-data
pm = static
pm.max_children = 3
catch_workers_output = yes
php_admin_value[date.timezone] = UTC
php_admin_value[error_log] = {d}/php.log
php_admin_flag[log_errors] = on
php_admin_value[memory_limit] = 256M
"""
NGINX = """user www-data;
worker_processes 1;
pid {d}/nginx.pid;
error_log {d}/nginx-error.log;
events {{ worker_connections 64; }}
http {{
  include /etc/nginx/mime.types;
  access_log {d}/nginx-access.log;
  client_body_temp_path {d}/body; fastcgi_temp_path {d}/fastcgi; proxy_temp_path {d}/proxy;
  uwsgi_temp_path {d}/uwsgi; scgi_temp_path {d}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location /zm/cgi-bin {{
      gzip off;
      alias /usr/lib/zoneminder/cgi-bin;
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME $request_filename;
      fastcgi_pass unix:{d}/cgi.sock;
    }}
    location /zm {{
      gzip off;
      alias /usr/share/zoneminder/www;
      index index.php;
      location ~ \\.php$ {{
        if (!-f $request_filename) {{ return 404; }}
        include /etc/nginx/fastcgi_params;
        fastcgi_param SCRIPT_FILENAME $request_filename;
        fastcgi_index index.php;
        fastcgi_pass unix:{d}/php.sock;
      }}
      location /zm/api/ {{ rewrite ^/zm/api(.+)$ /zm/api/index.php?p=$1 last; }}
    }}
  }}
}}
"""
ZM_USER = """CREATE USER 'zmuser'@'localhost' IDENTIFIED BY 'zmpass';
GRANT ALL ON zm.* TO 'zmuser'@'localhost';
"""
RTSP = """import sys
import gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtsp", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer
Gst.init(None)
port, user, password = sys.argv[1:4]
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1"); server.set_service(port)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch("( videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=5/1 ! "
                   "x264enc tune=zerolatency key-int-max=10 ! rtph264pay name=pay0 pt=96 )")
if user:
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken(); token.set_string("media.factory.role", "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
"""


def free_ports(number: int) -> list[int]:
    """So many different ports of 127.0.0.1 that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        found = []
        for _n in range(number):
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            found.append(probe.getsockname()[1])
        return found


def until(check: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Poll until `check` is true; AssertionError when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def listening(port: int) -> str:
    """The address that a socket listens on, as the kernel has it (hexadecimal)."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return next((row[1].partition(":")[0] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"), "")


def status(port: int, path: str, headers: dict[str, str] | None = None) -> int:
    """The status of one GET without a login; 0 when nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


class Box:
    """Processes in the root; close() ends them all, in the opposite order."""

    def __init__(self) -> None:
        name = type(self).__name__.lower()
        self.inside = f"/scratch/{name}"
        self.outside = ROOT / "scratch" / name
        # In the environment of all that we start, so that nothing else is ever ended.
        self._mark = f"NWCS_REAL={uuid.uuid4()}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.logs: list[Path] = []

    def __enter__(self) -> Self:
        shutil.rmtree(self.outside, ignore_errors=True)
        for folder in ("", "etc", "run", "log", "media"):
            (self.outside / folder).mkdir(parents=True, exist_ok=True)
        self.outside.chmod(0o755)
        test_video()
        try:
            self.begin()
        except BaseException as error:
            self.close()
            if isinstance(error, (AssertionError, RuntimeError)):
                raise AssertionError(f"{error}\n{self.said()}") from error
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def begin(self) -> None:
        """Start everything and wait until it answers."""
        raise NotImplementedError

    def ready(self, check: Callable[[], bool], what: str) -> None:
        """Poll until `check` is true; AssertionError when it is not in time, or a process has ended."""

        def look() -> bool:
            ended = [process.args[2] for process in self._processes if process.poll() is not None]  # type: ignore[index]
            assert not ended, f"{what}: {ended} ended"
            return check()

        until(look, what)

    def write(self, name: str, text: str, **values: object) -> str:
        """A file of the program; returns its path inside the root."""
        (self.outside / name).write_text(text.format(d=self.inside, **values) if values else text)
        return f"{self.inside}/{name}"

    def start(self, *command: str, log: str, user: str = "", **environment: str) -> subprocess.Popen[bytes]:
        path = self.outside / log
        self.logs.append(path)
        with path.open("wb") as output:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self._command(command, user)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=self._environment(environment), cwd="/", start_new_session=True,
            )  # fmt: skip
        self._processes.append(process)
        return process

    def run(self, *command: str, user: str = "", text: str = "", **environment: str) -> str:
        """To the end; its standard output. RuntimeError with what it said when it fails."""
        done = subprocess.run(self._command(command, user), input=text.encode(), capture_output=True,
                              env=self._environment(environment), cwd="/", check=False, timeout=120)  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {(done.stderr or done.stdout).decode(errors='replace')[-800:]}")
        return done.stdout.decode(errors="replace")

    @staticmethod
    def _command(command: tuple[str, ...], user: str) -> list[str]:
        return ["chroot", *([f"--userspec={user}"] if user else []), str(ROOT), *command]

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        name, _equals, value = self._mark.partition("=")
        return {**ENVIRONMENT, **more, name: value}

    def ours(self) -> list[int]:
        """Every process that this box started, and their children, by their environment."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if self._mark.encode() in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
        return found

    def close(self) -> None:
        """SIGTERM, then SIGKILL to what does not end; nothing is left."""
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
        for pid in self.ours():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._processes:
            process.wait(10)
        until(lambda: not self.ours(), "the end of all processes", 10)

    def said(self) -> str:
        """The ends of all logs, for a failing test."""
        return "\n".join(f"{path.name}: {path.read_text(errors='replace')[-1500:]}" for path in self.logs)


def test_video() -> None:
    """Two minutes of a test picture, so that no camera is needed."""
    if not (ROOT / "scratch/test.mkv").exists():
        subprocess.run(
            ["chroot", str(ROOT), "ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i",
             "testsrc2=size=320x240:rate=5", "-t", "120", "-c:v", "mpeg4", "-q:v", "5", "/scratch/test.mkv"],
            check=True, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
        )  # fmt: skip


class Motion(Box):
    """motion with no login at all, open to the network, everything settable (webcontrol_parms 3)."""

    def begin(self) -> None:
        self.port, self.stream = free_ports(2)
        path = self.write("motion.conf", MOTION, web=self.port, stream=self.stream)
        self.start("/usr/bin/motion", "-n", "-c", path, log="out")
        self.ready(lambda: status(self.port, "/") != 0 and status(self.stream, "/0/current") != 0, "motion")

    def setting(self, name: str) -> str | None:
        """As motion's own file has it."""
        for line in (self.outside / "motion.conf").read_text().splitlines():
            key, _space, value = line.partition(" ")
            if key == name:
                return value
        return None


class MotionEye(Box):
    """motionEye as pip installs it: admin without a password."""

    def begin(self) -> None:
        self.port, self.control = free_ports(2)
        path = self.write("motioneye.conf", MOTIONEYE, port=self.port, control=self.control)
        self.start("/usr/bin/python3", "-m", "motioneye.meyectl", "startserver", "-c", path, log="out",
                   PYTHONPATH="/opt/motioneye", PYTHONDONTWRITEBYTECODE="1")  # fmt: skip
        self.ready(lambda: status(self.port, "/version/") == 200, "motionEye")


class ZoneMinder(Box):
    """MariaDB, PHP, nginx and ZoneMinder's API with Debian's defaults: no login asked, admin/admin."""

    def begin(self) -> None:
        (self.port,) = free_ports(1)
        self.run("chown", "www-data", self.inside)
        self.run("mariadb-install-db", "--user=root", f"--datadir={self.inside}/db", "--skip-test-db",
                 "--auth-root-authentication-method=normal", "--skip-name-resolve", "--cross-bootstrap")  # fmt: skip
        self.socket = f"{self.inside}/db.sock"
        self._client = ("mariadb", "--no-defaults", f"--socket={self.socket}", "-uroot")
        self.start("mariadbd", "--no-defaults", "--user=root", f"--datadir={self.inside}/db", "--skip-networking",
                   f"--socket={self.socket}", f"--pid-file={self.inside}/db.pid", "--innodb-flush-log-at-trx-commit=0",
                   "--innodb-buffer-pool-size=32M", log="db.log")  # fmt: skip
        self.ready(self._database, "MariaDB")
        self.run(*self._client, text=(ROOT / "usr/share/zoneminder/db/zm_create.sql").read_text() + ZM_USER)
        conf = ROOT / "etc/zm/zm.conf"
        lines = [f"ZM_DB_HOST=localhost:{self.socket}" if line.startswith("ZM_DB_HOST=") else line
                 for line in conf.read_text().splitlines()]  # fmt: skip
        conf.write_text("\n".join(lines) + "\n")
        conf.chmod(0o644)
        self.start("php-fpm8.2", "-F", "-y", self.write("fpm.conf", FPM, php=1), log="php.out")
        self.start("fcgiwrap", "-c", "2", "-s", f"unix:{self.inside}/cgi.sock", log="cgi.out", user="www-data:www-data")
        self.start("nginx", "-c", self.write("nginx.conf", NGINX, port=self.port), "-g", "daemon off;", log="nginx.out")
        self.ready(lambda: status(self.port, "/zm/api/host/getVersion.json") == 200, "ZoneMinder")

    def _database(self) -> bool:
        try:
            self.run(*self._client, text="SELECT 1")
        except RuntimeError:
            return False
        return True

    def sql(self, statement: str) -> str:
        """One statement as the database's own root; columns separated by tabs."""
        return self.run(*self._client, "-N", "-B", "zm", text=statement)


class Rtsp(Box):
    """GStreamer's RTSP server with a test picture at /cam; with a user it asks for a digest login."""

    def __init__(self, user: str = "", password: str = "") -> None:
        super().__init__()
        self.login = (user, password)

    def begin(self) -> None:
        (self.port,) = free_ports(1)
        self.start("/usr/bin/python3", self.write("server.py", RTSP), str(self.port), *self.login, log="out",
                   GST_REGISTRY="/scratch/gst-registry.bin")  # fmt: skip
        self.ready(lambda: listens(self.port), "the RTSP server")
