# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the toolkit: one small tree.

    NwcsError
    ├── InputError        inventory, design, sheet, option: names file, key, device and what to do
    ├── StateError        our own files: store, lease, journal, sheet folder
    └── DeviceError       between us and a device
        ├── Unreachable   no connection, time-out, name not found
        ├── TlsError      handshake or certificate (also a name mismatch)
        ├── BadAnswer     truncated, endless, too large, too deep, not the protocol
        ├── WrongFamily   something answers, but not this API
        ├── WrongDevice   another device answers at this address (H60)
        │   └── WrongCertificate  the certificate is not the pinned one: nothing is sent
        ├── LoginRefused  credentials not accepted, or the account is locked
        ├── Unsupported   the operation does not exist on this model
        ├── Refused       logged in, but not allowed, or the value was refused
        └── Busy          the device asks to come again later

Transport raises for network and TLS only; an HTTP status is a result that the driver classifies.
Messages never hold a secret, a query string, a nonce or a session id.
"""

from __future__ import annotations


class NwcsError(Exception):
    """Base. `advice` is one sentence that says what the user can do; `code` names the kind in results."""

    code = "error"

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class InputError(NwcsError):
    code = "input"


class StateError(NwcsError):
    code = "state"


class DeviceError(NwcsError):
    """`logins`: what was tried on the device before this (session.Session.logins)."""

    code = "device"
    logins: tuple | list = ()


class Unreachable(DeviceError):
    code = "unreachable"


class TlsError(DeviceError):
    code = "tls"


class BadAnswer(DeviceError):
    code = "bad_answer"


class WrongFamily(DeviceError):
    code = "wrong_family"


class WrongDevice(DeviceError):
    code = "wrong_device"


class WrongCertificate(WrongDevice):
    code = "wrong_certificate"


class LoginRefused(DeviceError):
    """`locked` is True when the device says so; `seconds` is how long, where it tells."""

    code = "login_refused"

    def __init__(self, message: str, advice: str = "", locked: bool = False, seconds: int | None = None) -> None:
        super().__init__(message, advice)
        self.locked = locked
        self.seconds = seconds


class Unsupported(DeviceError):
    code = "unsupported"


class Refused(DeviceError):
    code = "refused"


class Busy(DeviceError):
    code = "busy"


class BehindRecorder(DeviceError):
    """Nothing was sent: the device is at a recorder's own ports."""

    code = "behind_recorder"


CODES = {
    cls.code: cls
    for cls in (
        InputError,
        StateError,
        DeviceError,
        Unreachable,
        TlsError,
        BadAnswer,
        WrongFamily,
        WrongDevice,
        WrongCertificate,
        LoginRefused,
        Unsupported,
        Refused,
        Busy,
        BehindRecorder,
    )
}
