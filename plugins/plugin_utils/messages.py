# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text that people read in console and reports, in English and Japanese, in one catalogue.

Values come from devices: `show` and `safe` make them harmless for a terminal; HTML is escaped by the report.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.plugin_utils.passwords import WEAKNESSES

LANGUAGES = ("en", "ja")

# name: (English, Japanese). Both have the same {placeholders}.
CATALOGUE: dict[str, tuple[str, str]] = {
    # -- findings ------------------------------------------------------------------------------------------------------
    "finding.account_appeared": (
        "a new {role} account {item} appeared", "新しい{role}アカウント{item}が現れました"),
    "finding.account_appeared_plain": (
        "a new account {item} appeared", "新しいアカウント{item}が現れました"),
    "finding.account_gone": (
        "the account {item} ({role}) is gone", "アカウント{item}({role})がなくなりました"),
    "finding.account_role": (
        "the account {item} changed from {old} to {new}", "アカウント{item}の権限が{old}から{new}に変わりました"),
    "finding.undeclared_account": (
        "the account {item} ({role}) is not declared", "アカウント{item}({role})は宣言されていません"),
    "finding.service_on": (
        "the service {item} was switched on", "サービス{item}が有効になりました"),
    "finding.service_on_answers": (
        "the service {item} was switched on and answers on the network",
        "サービス{item}が有効になり、ネットワークで応答しています"),
    "finding.service_off": (
        "the service {item} was switched off", "サービス{item}が無効になりました"),
    "finding.socket_opened": (
        "the service {item} now answers on the network", "サービス{item}がネットワークで応答するようになりました"),
    "finding.socket_closed": (
        "the service {item} no longer answers on the network", "サービス{item}がネットワークで応答しなくなりました"),
    "finding.socket_open_though_off": (
        "the service {item} is set off, yet it answers on the network",
        "サービス{item}は無効の設定ですが、ネットワークで応答しています"),
    "finding.socket_closed_though_on": (
        "the service {item} is set on, yet it does not answer on the network",
        "サービス{item}は有効の設定ですが、ネットワークで応答しません"),
    "finding.conflict": (
        "Two APIs of the device disagree: it reads {old}, {api} says {new}.",
        "機器の2つのAPIが食い違う: 値は{old}、{api}では{new}。",
    ),
    "finding.open_to_anyone": (
        "{label}: anyone is let in", "{label}:誰でもアクセスできます"),
    "finding.look_alikes": (
        "accounts that look the same: {names}", "見分けのつかないアカウント:{names}"),
    "finding.duplicate_account": (
        "the account name {item} exists more than once", "アカウント名{item}が重複しています"),
    "finding.other_device": (
        "another device answers: {label} was {old}, is {new}",
        "別の機器が応答しています:{label}は{old}でしたが、{new}です"),
    "finding.firmware_changed": (
        "the firmware changed from {old} to {new}", "ファームウェアが{old}から{new}に変わりました"),
    "finding.certificate_changed": (
        "the certificate was replaced: now {subject}, issued by {issuer}, valid until {not_after}",
        "証明書が替わりました:現在は{subject}、発行者{issuer}、期限{not_after}"),
    "finding.document_changed": (
        "{document}: a part that the settings model does not cover changed",
        "{document}:設定モデル外の部分が変わりました"),
    "finding.value_changed": (
        "{label} changed from {old} to {new}", "{label}が{old}から{new}に変わりました"),
    "finding.switched_on": ("{label}: switched on", "{label}が有効になりました"),
    "finding.switched_off": ("{label}: switched off", "{label}が無効になりました"),
    "finding.value_gone": ("{label} is gone (was {old})", "{label}がなくなりました(以前は{old})"),
    "finding.value_appeared": ("{label} appeared: {new}", "{label}が現れました:{new}"),
    "finding.member_appeared": ("{label}: {new} was added", "{label}:{new}が追加されました"),
    "finding.member_gone": ("{label}: {old} was removed", "{label}:{old}が削除されました"),
    "finding.members_appeared": ("{label}: {members} was added", "{label}:{members}が追加されました"),
    "finding.members_gone": ("{label}: {members} was removed", "{label}:{members}が削除されました"),
    "finding.order_changed": (
        "{label}: the order changed from {old} to {new}", "{label}:順序が{old}から{new}に変わりました"),
    "finding.forward_appeared": (
        "{port} from the internet is forwarded to {to}",
        "インターネットからの{port}が{to}に転送されています"),
    "finding.forward_gone": (
        "{port} from the internet is no longer forwarded to {to}",
        "インターネットからの{port}は{to}に転送されなくなりました"),
    "finding.wan_open_appeared": (
        "{port} is now accepted from the internet ({name})", "インターネットからの{port}が許可されました({name})"),
    "finding.wan_open_gone": (
        "{port} is no longer accepted from the internet ({name})",
        "インターネットからの{port}は許可されなくなりました({name})"),
    "finding.recording_stopped": (
        "the recording of {item} was {old} before this run and is {new} now",
        "{item}の録画はこの実行の前は{old}でしたが、現在は{new}です"),
    "finding.pin_unverified": (
        "nothing vouches for the certificate {new}; it is pinned as it was first seen",
        "証明書{new}を保証するものがないため、最初に見た値で固定しました"),
    "finding.weak_password": (
        "the password of {item} is weak: {why}", "{item}のパスワードは弱いものです:{why}"),
    "weak.short": (WEAKNESSES["short"], "最低文字数に足りません"),
    "weak.factory": (WEAKNESSES["factory"], "機器の出荷時のパスワードです"),
    "weak.common": (WEAKNESSES["common"], "ありふれた語に文字を足しただけです"),
    "weak.name": (WEAKNESSES["name"], "アカウント名・機種名・メーカー名を含みます"),
    "weak.sequence": (WEAKNESSES["sequence"], "繰り返しや連続した並びです"),
    "weak.one_kind": (WEAKNESSES["one_kind"], "一種類の文字だけにしては短すぎます"),
    "finding.password_reused": (
        "the password of {item} is also in use by {others}", "{item}のパスワードは{others}でも使われています"),
    "finding.recorder_login": (
        "the recorder {recorder} must be given the new password of {item} for {camera}, by hand, if it uses it",
        "レコーダー{recorder}が{item}でログインしている場合は、{camera}の新しいパスワードを手作業で登録してください"),
    "finding.recorder_login_waits": (
        "the recorder {recorder} does not have the new login of {camera} ({item}) yet: {why}; type in {secret} "
        "(nwcs-secrets), then run once with -e nwcs_logins_typed=true",
        "レコーダー{recorder}に{camera}（{item}）の新しいログインが未登録です：{why}。{secret}（nwcs-secrets）を登録し、"
        "-e nwcs_logins_typed=true で一度実行してください"),
    "finding.recorder_login_gone": (
        "the account {item} of {camera} is gone: the recorder {recorder} needs another login, if it used it",
        "{camera}の{item}はなくなりました。レコーダー{recorder}が使っていた場合は、別のログインを登録してください"),
    "finding.clock_wrong": (
        "the clock is wrong by {skew} seconds (allowed: {limit})", "時計が{skew}秒ずれています(許容{limit}秒)"),
    "finding.clock_not_judged": (
        "the clock differs by {skew} seconds from this computer, whose own clock is not synchronised",
        "時計がこのコンピュータと{skew}秒違いますが、このコンピュータの時計が同期していません"),
    "finding.pending": (
        "{label}: {new} is written and takes effect after a restart",
        "{label}:{new}を書き込み済み、再起動後に有効になります"),
    "finding.wrong_certificate": (
        "another certificate than the pinned one answers: somebody may stand in between",
        "固定した証明書と異なる証明書が応答しています。第三者が通信に割り込んでいる可能性があります"),
    "finding.wrong_device": (
        "another device answers at this address", "このアドレスで別の機器が応答しています"),
    "finding.not_reached": ("the device was not checked: {message}", "機器を確認できませんでした:{message}"),
    "finding.no_baseline": (
        "there is no recorded baseline to compare with", "比較できる記録済みの基準がありません"),
    "finding.not_readable": (
        "{label} could be read before and cannot now ({state}{why})",
        "{label}を以前は読めましたが、今は読めません({state}{why})"),
    "finding.still_not_readable": (
        "{label} cannot be read ({state}{why}), as before", "{label}は前回と同じく読めません({state}{why})"),
    "finding.not_recorded": (
        "{label} is not in the baseline, so it cannot be compared", "{label}は基準に記録されておらず、比較できません"),
    "finding.other": ("{kind}: {label} {old} → {new}", "{kind}:{label} {old} → {new}"),
    "explained.recorded": ("so in the accepted baseline", "承認済みの基準でも同じ"),
    "explained.pending": ("waits for a restart", "再起動待ち"),
    "explained.state": ("as it is, no change", "変化ではなく現状"),
    "explained.declared": ("declared by the site", "サイトが申告済み"),
    "explained.unverified": ("not confirmed yet: put it into nwcs_pins", "未確認:nwcs_pinsに登録してください"),
    "explained.other": ("explained: {why}", "説明あり:{why}"),
    "group.accounts": ("the list of accounts", "アカウント一覧"),
    "group.services": ("the list of services", "サービス一覧"),
    "group.wireless": ("the list of wireless networks", "無線LAN一覧"),
    # -- status of a device --------------------------------------------------------------------------------------------
    "status.failed": ("failed", "失敗"),
    "status.drift": ("drift", "変化あり"),
    "status.not_checked": ("not checked", "未確認"),
    "status.pending": ("restart pending", "再起動待ち"),
    "status.attention": ("attention", "要注意"),
    "status.changed": ("changed", "変更済み"),
    "status.would_change": ("would change", "変更予定"),
    "status.ok": ("ok", "正常"),
    # -- outcome of a key ----------------------------------------------------------------------------------------------
    "outcome.ok": ("ok", "適合"),
    "outcome.would_change": ("would change", "変更予定"),
    "outcome.changed": ("changed", "変更済み"),
    "outcome.pending_restart": ("pending restart", "再起動待ち"),
    "outcome.failed": ("failed", "失敗"),
    "outcome.undone": ("undone", "元に戻した"),
    "outcome.guarded": ("guarded", "安全のため保留"),
    "outcome.refused": ("refused", "機器が拒否"),
    "outcome.read_only": ("read-only", "読み取り専用"),
    "outcome.unsupported": ("unsupported", "機能なし"),
    "outcome.not_checked": ("not checked", "未確認"),
    "outcome.side_effect": ("side effect", "副作用"),
    "outcome.conflict": ("conflict", "矛盾"),
    # -- states of a reading, severities, roles, values ----------------------------------------------------------------
    "state.unreadable": ("refused or broken", "拒否または異常"),
    "state.unverifiable": ("the answer is not credible", "応答が信用できない"),
    "state.unsupported": ("not supported", "機能なし"),
    "state.not_offered": ("does not exist on this model", "この機種にはない"),
    "state.manual": ("a person must look", "人による確認が必要"),
    "state.write_only": ("write-only", "書き込み専用"),
    "state.missing": ("not reported", "応答に含まれない"),
    "severity.critical": ("critical", "重大"),
    "severity.high": ("high", "高"),
    "severity.medium": ("medium", "中"),
    "severity.low": ("low", "低"),
    "severity.info": ("info", "情報"),
    "role.administrator": ("administrator", "管理者"),
    "role.operator": ("operator", "操作者"),
    "role.viewer": ("viewer", "閲覧者"),
    "role.other": ("other", "その他"),
    "role.unknown": ("role unknown", "権限不明"),
    "value.on": ("on", "有効"),
    "value.off": ("off", "無効"),
    "value.none": ("nothing", "なし"),
    "value.port": ("port {port}", "ポート{port}"),
    "value.any_port": ("any port", "全ポート"),
    "value.only_from": ("{to} (only from {sources})", "{to}(接続元{sources}のみ)"),
    "value.unnamed": ("no name", "名前なし"),
    "value.more": ("and {count} more", "ほか{count}件"),
    # -- errors --------------------------------------------------------------------------------------------------------
    "error.error": ("an error of the tool", "ツールのエラー"),
    "error.input": ("the inventory, design or sheet is wrong", "インベントリ、設計またはシートの誤り"),
    "error.state": ("a file of the toolkit cannot be used", "ツールのファイルが使えません"),
    "error.device": ("the device could not be used", "機器との通信に問題があります"),
    "error.behind_recorder": ("reached only through its recorder", "録画装置経由でのみ到達できます"),
    "error.unreachable": ("the device does not answer", "機器が応答しません"),
    "error.tls": ("no secure connection", "安全な接続ができません"),
    "error.bad_answer": ("the answer is broken", "応答が壊れています"),
    "error.wrong_family": (
        "something answers, but not this kind of device",
        "この種類の機器ではないものが応答しています"),
    "error.wrong_device": ("another device answers at this address", "このアドレスで別の機器が応答しています"),
    "error.wrong_certificate": (
        "another certificate than the pinned one answers", "固定した証明書と異なる証明書が応答しています"),
    "error.on_hold": ("the device is on hold", "機器は保全中です"),
    "error.stopped": ("not tried: too many devices failed", "失敗が多いため実行しませんでした"),
    "error.login_refused": ("the login was refused", "ログインが拒否されました"),
    "error.unsupported": ("the device does not offer this", "機器にこの機能がありません"),
    "error.refused": ("the device refused", "機器が拒否しました"),
    "error.busy": ("the device is busy", "機器が使用中です"),
    "error.no_result": ("the run left no result for this device", "この機器の結果がありません"),
    # -- jobs ----------------------------------------------------------------------------------------------------------
    "job.harden": ("Hardening", "堅牢化"),
    "job.check": ("Hardening (dry run)", "堅牢化(予行)"),
    "job.record": ("Recording", "現状記録"),
    "job.drift": ("Drift check", "変化の確認"),
    "job.rotate": ("Password rotation", "パスワード更新"),
    "job.undo": ("Undo", "取り消し"),
    "job.hold": ("Hold", "保全"),
    "job.maintenance_before": ("Before maintenance", "保守前の記録"),
    "job.maintenance_after": ("After maintenance", "保守後の確認"),
    # -- verdicts ------------------------------------------------------------------------------------------------------
    "verdict.0": ("Nothing unexplained.", "説明のつかない点はありません。"),
    "verdict.2": ("Something is not as it should be.", "あるべき状態と異なる点があります。"),
    "verdict.3": ("Some devices or settings were not checked.", "確認できなかった機器または設定があります。"),
    "verdict.4": (
        "Something is not as it should be, and not everything was checked.",
        "あるべき状態と異なる点があり、確認できなかったものもあります。"),
    # -- report and console --------------------------------------------------------------------------------------------
    "report.title": ("{job} – {site}", "{job} – {site}"),
    "report.simulated": (
        "SIMULATED – these devices are simulations, not real ones",
        "SIMULATED – 模擬機器の結果です。実機ではありません"),
    "report.simulated_device": ("SIMULATED", "模擬"),
    "report.site": ("Site", "サイト"),
    "report.device": ("Device", "機器"),
    "report.devices": ("Devices", "機器"),
    "report.each": ("Device by device", "機器ごとの詳細"),
    "report.work": ("Work done", "処理"),
    "report.status": ("Status", "状態"),
    "report.model": ("Model", "機種"),
    "report.serial": ("Serial", "製造番号"),
    "report.firmware": ("Firmware", "ファームウェア"),
    "report.mac": ("MAC", "MAC"),
    "report.address": ("Address", "アドレス"),
    "report.family": ("API", "API"),
    "report.way": ("Reached by", "接続方法"),
    "report.details": ("Details", "内容"),
    "report.findings": ("Findings", "検出事項"),
    "report.no_findings": ("No findings.", "検出事項はありません。"),
    "report.outcomes": ("Settings", "設定"),
    "report.setting": ("Setting", "設定項目"),
    "report.outcome": ("Outcome", "結果"),
    "report.wanted": ("Wanted", "求める値"),
    "report.before": ("Before", "変更前"),
    "report.read": ("Read", "読み取った値"),
    "report.why": ("Reason, proof", "理由・証明"),
    "report.severity": ("Severity", "重要度"),
    "report.what": ("What", "内容"),
    "report.explanation": ("Explanation", "説明"),
    "report.notes": ("Notes", "備考"),
    "report.sheet": ("Parameter sheet", "パラメーターシート"),
    "report.rows": ("Guideline rows", "ガイドライン項目"),
    "report.rows_note": (
        "Settings of this run by the guideline rows that rest on them. This is not a compliance assessment.",
        "今回扱った設定を、関係するガイドライン項目ごとに示します。適合性評価ではありません。"),
    "report.row": ("Row", "項目"),
    "report.good": ("As wanted", "適合"),
    "report.open": ("Open", "未達"),
    "report.started": ("Started", "開始"),
    "report.finished": ("Finished", "終了"),
    "report.seconds": ("{seconds} s", "{seconds}秒"),
    "report.requests": ("{requests} requests, {writes} writes", "要求{requests}回、書き込み{writes}回"),
    "report.clock": ("Clock of this computer", "このコンピュータの時計"),
    "report.clock_synchronised": ("synchronised", "同期済み"),
    "report.clock_unsynchronised": ("not synchronised", "未同期"),
    "report.clock_unknown": ("unknown", "不明"),
    "report.version": ("Version", "版"),
    "report.run": ("Run", "実行番号"),
    "report.file": ("Report", "報告書"),
    "report.all_ok": ("{count} devices: ok", "{count}台:正常"),
    "report.advice": ("What to do", "対処"),
    "report.count_outcomes": ("{count} {outcome}", "{outcome} {count}"),
    "report.count_findings": ("{count} {severity}", "{severity} {count}"),
    "report.keys_ok": ("{count} as wanted", "適合 {count}"),
    "report.clean": ("as recorded", "記録どおり"),
    "report.undo": (
        "To take back what this run changed: ansible-playbook undo.yml -e run={run}",
        "この実行の変更を取り消すには:ansible-playbook undo.yml -e run={run}"),
    "report.rotation": ("Passwords", "パスワード"),
    "report.rotation_done": ("{count} devices done", "完了 {count}台"),
    "report.rotation_open": ("{count} open: {devices}", "未完了 {count}台:{devices}"),
    "report.rotation_not_tried": ("{count} not tried: {devices}", "未実行 {count}台:{devices}"),
    "report.rotation_again": (
        "To complete what is open, run the same command again.",
        "未完了分は、同じコマンドをもう一度実行すると完了します。"),
    "report.recorder": (
        "{recorder} needs the new password of {items}", "{recorder}に新しいパスワードの登録が必要:{items}"),
    "report.bits": ("bits", "ビット"),
    "report.not_contacted": ("The device was not contacted.", "機器には接続していません。"),
    "report.data_utc": ("Times are local; result.json holds UTC.", "時刻は現地時間です。result.jsonはUTCです。"),
    "report.not_in_run": ("no file of this device in the run folder", "実行フォルダにこの機器のファイルがありません"),
}  # fmt: skip

_LIMIT = 300  # characters of one value from a device in a sentence
_MEMBERS = 8


def safe(text: Any, limit: int = 10_000) -> str:
    """Text without control, escape, direction and invisible characters: they are shown as \\x1b, \\u202e… (H37)."""
    text = str(text)
    cut = text[:limit]
    out = "".join(c if c.isprintable() or c == "\u3000" else c.encode("unicode_escape").decode("ascii") for c in cut)
    return out + "…" if len(text) > limit else out


def text(name: str, language: str = "en", /, **args: Any) -> str:
    """The text `name` of the catalogue. Arguments are put in as they are: give them through `show` or `safe`."""
    template = CATALOGUE[name][1 if language == "ja" else 0]
    return template.format_map({key: str(value) for key, value in args.items()}) if args else template


def word(group: str, name: Any, language: str = "en") -> str:
    """A word of a closed list ("status", "drift"); an unknown name is shown as it is."""
    return text(f"{group}.{name}", language) if f"{group}.{name}" in CATALOGUE else safe(name, _LIMIT)


def name(value: Any, language: str = "en") -> str:
    """A name from a device, marked as such: `support`, 「support」."""
    shown = safe(value, _LIMIT)
    return f"「{shown}」" if language == "ja" else f"`{shown}`"


def show(value: Any, language: str = "en") -> str:
    """Any value in words."""
    if value is None or value == [] or value == {}:
        return text("value.none", language)
    if isinstance(value, bool):
        return text("value.on" if value else "value.off", language)
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return listed([show(m, language) for m in value[:_MEMBERS]], len(value), language)
    if isinstance(value, Mapping):
        return ", ".join(f"{safe(k, 60)} {_bare(v)}" for k, v in value.items())
    return name(value, language)


def listed(shown: list[str], count: int, language: str) -> str:
    """Words in a row, and how many of the `count` are not among those shown. They are harmless already."""
    more = [text("value.more", language, count=count - len(shown))] if count > len(shown) else []
    return ("、" if language == "ja" else ", ").join(shown + more)


def _bare(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "/".join(_bare(m) for m in value[:_MEMBERS])
    return safe(value, _LIMIT)


def label(key: str, language: str = "en") -> str:
    """A key in words: DNS servers; password of the account `ops`; an unknown key as it is."""
    try:
        parsed = settings.parse_key(key)
        setting = settings.setting_of(parsed)
    except InputError:
        return safe(key, _LIMIT)
    words = setting.ja if language == "ja" else setting.en
    item = settings.item_of(parsed)
    if not item or item == "*":
        return words
    return f"{words}{name(item, language)}" if language == "ja" else f"{words} {name(item, language)}"


def _port(member: Mapping[str, Any], language: str) -> str:
    ports = _bare(member.get("port") or member.get("ports") or "")
    shown = text("value.port", language, port=ports) if ports else text("value.any_port", language)
    protocol = _bare(member.get("protocol", ""))
    return f"{shown}/{protocol}" if protocol else shown


def sentence(finding: Mapping[str, Any], language: str = "en") -> str:
    """A finding in one sentence, without its explanation."""
    kind, key, old, new = finding["kind"], finding["key"], finding["old"], finding["new"]
    args: dict[str, Any] = {k: show(v, language) for k, v in finding["args"].items()}
    args |= {"old": show(old, language), "new": show(new, language), "kind": safe(kind, 60)}
    group = finding["args"].get("group")
    args["label"] = word("group", group, language) if group else label(key, language) if key else ""
    if kind.startswith("account") or kind == "undeclared_account":
        role = new if kind in ("account_appeared", "undeclared_account") else old
        args["role"] = word("role", role if role in settings.ROLES else "unknown", language)
        if kind == "account_role":
            for side, role in (("old", old), ("new", new)):
                args[side] = word("role", role if role in settings.ROLES else "unknown", language)
        if kind == "account_appeared" and new not in settings.ROLES[:3]:
            kind = "account_appeared_plain"
    if kind == "service_on" and finding["args"].get("answers"):
        kind = "service_on_answers"
    if kind == "value_changed" and isinstance(new, bool) and (old is None or isinstance(old, bool)):
        kind = "switched_on" if new else "switched_off"
    member = new if kind == "member_appeared" else old
    if kind in ("member_appeared", "member_gone") and isinstance(member, Mapping):
        happened = kind.removeprefix("member_")
        args["port"] = _port(member, language)
        if key == "nat.forwards" and member.get("to"):
            port = member.get("to_port") or member.get("port")
            host = safe(member["to"], _LIMIT)
            host = f"[{host}]" if port and ":" in host else host
            args["to"] = f"{host}:{_bare(port)}" if port else host
            if member.get("sources"):
                args["to"] = text("value.only_from", language, to=args["to"], sources=_bare(member["sources"]))
            kind = f"forward_{happened}"
        elif key == "nat.wan_open":
            args["name"] = name(member["name"], language) if member.get("name") else text("value.unnamed", language)
            kind = f"wan_open_{happened}"
    if kind in ("not_readable", "still_not_readable"):
        args["state"] = word("state", finding["args"].get("state", "missing"), language)
        why = finding["args"].get("why")
        args["why"] = f": {safe(why, _LIMIT)}" if why else ""
    if kind == "weak_password":
        known = {sentence: name for name, sentence in WEAKNESSES.items()}
        why = finding["args"].get("why", "")
        args["why"] = text(f"weak.{known[why]}", language) if why in known else args.get("why", "")
    if kind == "not_reached":
        args["message"] = safe(finding["args"].get("message", ""), _LIMIT)
    if "document" in args:
        args["document"] = safe(finding["args"]["document"], _LIMIT)
        args["label"] = args["label"] or args["document"]
    template = f"finding.{kind}" if f"finding.{kind}" in CATALOGUE else "finding.other"
    try:
        return text(template, language, **args)
    except KeyError:  # a finding that lacks an argument is still told
        return text("finding.other", language, **args)


def explanation(finding: Mapping[str, Any], language: str = "en") -> str:
    """Why a finding is no unexplained drift; "" when nothing explains it."""
    why = finding.get("explained")
    if not why:
        return ""
    return text(f"explained.{why}", language) if f"explained.{why}" in CATALOGUE else text(
        "explained.other", language, why=safe(why, _LIMIT))  # fmt: skip


def local_time(utc: str, language: str = "en") -> str:
    """An ISO time in UTC as local time with its zone; what is no time is shown as it is."""
    try:
        moment = datetime.datetime.fromisoformat(utc)
    except (ValueError, TypeError):
        return safe(utc or "", 60)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    here = moment.astimezone()
    zone = here.strftime("%Z") or here.strftime("%z")
    if language == "ja":
        return f"{here.year}年{here.month}月{here.day}日 {here:%H:%M:%S} {zone}"
    return f"{here:%Y-%m-%d %H:%M:%S} {zone}"
