# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `nwcs-record-device` says, in English and Japanese. Data only."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "no_inventory": ("{path}: there is no such inventory.", "{path}: インベントリがありません。"),
    "no_host": (
        "{host} is not a device of the inventory (a host with nwcs_family).",
        "{host} はインベントリの機器 (nwcs_family のあるホスト) ではありません。",
    ),
    "no_api": (
        "{host}: the family {family} has no API that could be recorded.",
        "{host}: ファミリ {family} には記録できるAPIがありません。",
    ),
    "one_api": (
        "{host}: only its main API ({family}) is recorded. For another one, name it first in nwcs_family.",
        "{host}: 主APIの {family} だけを記録します。別のAPIは nwcs_family の先頭に書いてください。",
    ),
    "reading": (
        "{host}: reading with the driver {family}, nothing is written to the device …",
        "{host}: ドライバ {family} で読み取ります。機器には何も書き込みません …",
    ),
    "read": (
        "{host}: {requests} requests, {exchanges} exchanges recorded, no write.",
        "{host}: 要求 {requests} 件、記録 {exchanges} 件、書き込みなし。",
    ),
    "states": ("Keys by state: {states}", "状態ごとの項目数: {states}"),
    "redacted": ("Replaced: {counts}", "置き換えた値: {counts}"),
    "dropped": ("Left out: {count} bodies that are HTML or no text", "除いた本文 (HTML・非テキスト): {count} 件"),
    "kept_model": (
        "Kept: manufacturer, model and firmware ({model}). To replace these too: --no-keep-model",
        "メーカー、機種、ファームウェア版は残しました ({model})。これも置き換えるには: --no-keep-model",
    ),
    "file": ("Written: {path}", "書き出し先: {path}"),
    "look": (
        "Look at it before you give it to anybody: it is text, read it with any editor. Search it for your names, "
        "addresses and places, for example: grep -i -n 'NAME' {path}",
        "誰かに渡す前に必ず中身を確認してください。テキストなので、どのエディタでも読めます。"
        "人名・アドレス・場所などを検索してください。例: grep -i -n '名前' {path}",
    ),
    "send": (
        "If it is fine, attach it to an issue of the project. If something private stands in it, do not send it, and "
        "tell us what kind of value it is.",
        "問題なければ、プロジェクトの issue に添付してください。"
        "秘密の値が残っていた場合は送らずに、値の種類だけをお知らせください。",
    ),
    "interrupted": ("Interrupted; nothing was written.", "中断しました。何も書き出していません。"),
    "exists": ("{path}: the folder cannot be used: {reason}", "{path}: フォルダを使えません: {reason}"),
}
