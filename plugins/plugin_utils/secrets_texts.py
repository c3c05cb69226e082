# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `nwcs-secrets` says, in English and Japanese. Data only."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "no_inventory": ("{path}: there is no such inventory.", "{path}: インベントリがありません。"),
    "no_devices": ("No device of the inventory matches.", "該当する機器がインベントリにありません。"),
    "no_host": ("{host} is not a device of the inventory.", "{host} はインベントリの機器ではありません。"),
    "list.head": (
        "device  account  state  since (UTC)  bits  reason",
        "機器  アカウント  状態  日時 (UTC)  ビット  理由",
    ),
    "list.none": ("{device}: no secrets yet", "{device}: まだ秘密情報はありません"),
    "current": ("current", "使用中"),
    "pending": ("pending, sent", "保留 (送信済)"),
    "unsent": ("pending, not sent", "保留 (未送信)"),
    "older": ("and {count} older", "ほか以前のもの {count} 件"),
    "show.reason": (
        'Give a reason: nwcs-secrets show {host} {account} --reason "…"',
        '理由が必要です: nwcs-secrets show {host} {account} --reason "…"',
    ),
    "show.pipe": (
        "The output is no terminal: the password would be kept somewhere. If that is wanted: --pipe.",
        "出力先が端末ではないため、パスワードがどこかに残ります。意図した場合は --pipe を付けてください。",
    ),
    "show.none": (
        "{host}: the store has no {which} password for the account {account}.",
        "{host}: アカウント {account} の{which}パスワードは保管されていません。",
    ),
    "show.has_pending": (
        "A change to another password was not finished: if this one is refused, look with --which pending.",
        "別のパスワードへの変更が完了していません。拒否された場合は --which pending で確認してください。",
    ),
    "check.ok": ("{device}: in order", "{device}: 正常"),
    "check.no_copy": ("{device}: there is no second copy", "{device}: 第二の写しがありません"),
    "check.differs": (
        "{device}: the second copy differs. Bring it up to date: nwcs-secrets copy",
        "{device}: 第二の写しが異なります。更新するには: nwcs-secrets copy",
    ),
    "check.pending": ("{device}: pending: {names}", "{device}: 保留中: {names}"),
    "check.extra": (
        "{device}: has secrets, but is not in the inventory",
        "{device}: 秘密情報はありますが、インベントリにありません",
    ),
    "check.weak": ("nothing new can be kept: {reason}", "新しい秘密情報を保管できません: {reason}"),
    "check.sum": ("{good} in order, {bad} with problems", "正常 {good} 件、問題 {bad} 件"),
    "copy.none": (
        "No second copy is set (nwcs_secret_copy).",
        "第二の写しが設定されていません (nwcs_secret_copy)。",
    ),
    "copy.lacks": (
        "{device}: the store lacks secrets that the second copy holds ({names}); the copy is left as it is. "
        "Bring them back: nwcs-secrets restore {device}. If nobody needs them any more, move the copy aside: {path}",
        "{device}: 第二の写しにある秘密情報 ({names}) が保管庫にありません。写しは変更しません。"
        "元に戻すには: nwcs-secrets restore {device}。もう不要な場合は、写しを別の場所に移してください: {path}",
    ),
    "copy.done": ("{device}: copied and compared", "{device}: 写して照合しました"),
    "restore.which": ("Name a device, or --all.", "機器名または --all を指定してください。"),
    "restore.no_copy": ("{device}: there is no second copy to restore from.", "{device}: 復元元の写しがありません。"),
    "restore.equal": ("{device}: equal to the second copy, nothing to do", "{device}: 写しと同じため、何もしません"),
    "restore.readable": (
        "{device}: the store is readable and may be newer than the copy. To replace it knowingly: --force",
        "{device}: 保管庫は読み取れ、写しより新しい可能性があります。承知の上で置き換えるには: --force",
    ),
    "restore.added": (
        "{device}: brought back from the second copy: {names}; all else stays as it was",
        "{device}: 第二の写しから戻しました: {names}。ほかは元のままです",
    ),
    "restore.done": ("{device}: restored", "{device}: 復元しました"),
    "restore.kept": (
        "{device}: restored; what was there is kept as {path}",
        "{device}: 復元しました。元のものは {path} に残しました",
    ),
}
