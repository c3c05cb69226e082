# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/vapix/services: the web server's TLS settings by SOAP (fact sheet 8)."""

from __future__ import annotations

from .ask import Route

ROUTE: Route | None = None
