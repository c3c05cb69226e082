# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ZoneMinder holds as Debian 12 installs it: settings that matter, an account without rights, a camera."""

from __future__ import annotations

from typing import Any

AREAS = ("Stream", "Events", "Control", "Monitors", "Groups", "Devices", "Snapshots", "System")
CONFIGS: dict[str, Any] = {
    "ZM_AUTH_HASH_IPS": "0",
    "ZM_AUTH_HASH_LOGINS": "1",
    "ZM_AUTH_HASH_SECRET": "...Change me to something unique...",
    "ZM_AUTH_HASH_TTL": "2",
    "ZM_AUTH_RELAY": "hashed",
    "ZM_AUTH_TYPE": "builtin",
    "ZM_CHECK_FOR_UPDATES": "0",
    "ZM_COOKIE_LIFETIME": "3600",
    "ZM_DYN_LAST_CHECK": "1795268000",
    "ZM_ENABLE_CSRF_MAGIC": "1",
    "ZM_LOG_LEVEL_DATABASE": "-1",
    "ZM_LOG_LEVEL_FILE": "-1",
    "ZM_LOG_LEVEL_SYSLOG": "-1",
    "ZM_OPT_EMAIL": "0",
    "ZM_OPT_MESSAGE": "0",
    "ZM_OPT_TRIGGERS": "0",
    "ZM_OPT_UPLOAD": "0",
    "ZM_OPT_USE_API": "1",
    "ZM_OPT_USE_AUTH": "0",
    "ZM_OPT_USE_EVENTNOTIFICATION": "0",
    "ZM_OPT_USE_LEGACY_API_AUTH": "1",
    "ZM_OPT_X10": "0",
    "ZM_TELEMETRY_DATA": "0",
    "ZM_TIMEZONE": "",
    "ZM_UPLOAD_PASS": "",
    "ZM_UPLOAD_PROTOCOL": "ftp",
    "ZM_USER_SELF_EDIT": "0",
    "ZM_WEB_TITLE": "ZoneMinder",
    "ZM_DB_PASS": "zmpass",
}
USER: dict[str, Any] = {
    "Id": 0, "Username": "", "Password": "", "Language": "", "Enabled": 1, **{area: "None" for area in AREAS},
    "MaxBandwidth": "", "MonitorIds": "", "TokenMinExpiry": 0, "APIEnabled": 0, "HomeView": "",
}  # fmt: skip
MONITOR: dict[str, Any] = {
    "Id": 0, "Name": "", "Type": "Ffmpeg", "Function": "Record", "Enabled": "1", "Host": None, "Path": "",
    "User": None, "Pass": None, "Width": "1920", "Height": "1080", "ONVIF_URL": "", "ONVIF_Password": "",
    "Status": "Connected",
}  # fmt: skip
