# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of simulated Hanwha cameras by name."""

from __future__ import annotations

FAULTS = {
    "H01": "writes answer OK and change nothing",
    "H02": "an unknown submenu answers OK instead of error 601",
    "H07-open": "HTTP is answered although only HTTPS is on",
    "H12": "writes answer NG inside status 200 and change nothing",
    "H13": "a value out of range is answered with OK and the old one stays",
    "H16": "changes read back and are lost at power-off",
    "H20-403": "a refused login has status 403",
    "H20-200": "a refused login has status 200 and NG in the body",
    "H21": "failed logins lock the source address (model: lockout_attempts, _seconds, _per, _told; else 3, 60 s)",
    "H23": "every third request is answered 490, too many sessions",
    "H24-single-use": "a nonce is good for one request; the next challenge says stale",
    "H34": "names carry hostile strings (model: hostile)",
    "H35": "accounts exist that look like admin",
    "H40": "HTTPS is reported as on and listens only after a restart",
    "H41": "the device sees every caller under another address (…254 of its network)",
    "H41-literal": "an Allow filter without a rule in force shuts everybody out (which a device does is UNVERIFIED)",
    "H42": "a client that is logged in stays so after its password was changed or its account removed",
    "H50": "no password was set yet: every CGI answers 403 without a challenge",
    "keeps-password": "a new password is answered with OK and the old one stays",
    "type-overlooked": "the type of filter is taken with `set` only; with a rule it is answered OK and overlooked",
    "no-attributes": "attributes.cgi is not there",
}
