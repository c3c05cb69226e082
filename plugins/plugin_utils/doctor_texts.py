# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `nwcs-doctor` says, in English and Japanese. Data only."""

from __future__ import annotations

# topic or topic.outcome -> (English, Japanese); an outcome may carry a second sentence after " => ": what to do.
TEXTS: dict[str, tuple[str, str]] = {
    "state.ok": ("ok", "正常"),
    "state.problem": ("problem", "問題"),
    "state.unknown": ("unknown", "不明"),
    "do": ("do", "対処"),
    "all_ok": ("Everything is in order.", "すべて正常です。"),
    "some": (
        "{problems} problem(s), {unknowns} unknown. Details above.",
        "問題 {problems} 件、不明 {unknowns} 件。詳細は上記のとおりです。",
    ),
    "python": ("Python", "Python"),
    "python.ok": ("{found}", "{found}"),
    "python.old": (
        "{found}, {wanted} or newer is needed => make a virtual environment with a newer Python",
        "{found} です。{wanted} 以降が必要です => 新しい Python で仮想環境を作り直してください",
    ),
    "core": ("ansible-core", "ansible-core"),
    "core.ok": ("{found}", "{found}"),
    "core.old": (
        "{found}, {wanted} or newer is needed => pip install --upgrade 'ansible-core>={wanted}'",
        "{found} です。{wanted} 以降が必要です => pip install --upgrade 'ansible-core>={wanted}'",
    ),
    "core.missing": (
        "not installed in this environment => pip install 'ansible-core>={wanted}'",
        "この環境に入っていません => pip install 'ansible-core>={wanted}'",
    ),
    "collection": ("collection nwcs.hardening", "コレクション nwcs.hardening"),
    "collection.ok": ("{winner}", "{winner}"),
    "collection.missing": (
        "Ansible does not find it => pip install nwcs-hardening, or work inside the checkout",
        "Ansible から見つかりません => pip install nwcs-hardening を実行するか、チェックアウト内で作業してください",
    ),
    "collection.other": (
        "Ansible takes {winner}, this command comes from {own} => remove or rename {winner}",
        "Ansible は {winner} を使いますが、このコマンドは {own} のものです => {winner} を削除または改名してください",
    ),
    "collection.second": (
        "{winner} is used here, from another folder {others} may win => remove {others}",
        "ここでは {winner} が使われますが、他のフォルダでは {others} が優先される場合があります"
        " => {others} を削除してください",
    ),
    "config": ("ansible.cfg", "ansible.cfg"),
    "config.none": ("none here, defaults hold", "このフォルダになし(既定値)"),
    "config.ok": ("{path}", "{path}"),
    "config.world": (
        "{path} is ignored, because everyone may write to its folder"
        " => chmod o-w '{folder}', or export ANSIBLE_CONFIG='{path}'",
        "フォルダに誰でも書き込めるため {path} は無視されます"
        " => chmod o-w '{folder}' または export ANSIBLE_CONFIG='{path}'",
    ),
    "config.gone": (
        "ANSIBLE_CONFIG names {path}, which is not there => correct or unset ANSIBLE_CONFIG",
        "ANSIBLE_CONFIG が示す {path} がありません => ANSIBLE_CONFIG を直すか解除してください",
    ),
    "drive": ("file system", "ファイルシステム"),
    "drive.ok": ("{kind}", "{kind}"),
    "drive.windows": (
        "{path} lies on a Windows drive: no permissions, secrets readable by others, ansible.cfg ignored"
        " => move the project into the Linux home (for example ~/nwcs)",
        "{path} は Windows ドライブ上にあり、権限が保たれず、秘密情報を他人が読め、ansible.cfg も無視されます"
        " => Linux 側のホーム(例: ~/nwcs)へ移してください",
    ),
    "drive.unknown": ("the mount table cannot be read", "マウント表を読めません"),
    "clock": ("clock", "時計"),
    "clock.ok": ("synchronised ({source})", "同期しています({source})"),
    "clock.not": (
        "not synchronised ({source}): skew of devices cannot be judged"
        " => switch on time synchronisation, for example: timedatectl set-ntp true",
        "同期していません({source})。機器の時刻ずれを判定できません"
        " => 時刻同期を有効にしてください(例: timedatectl set-ntp true)",
    ),
    "clock.unknown": (
        "whether it is synchronised cannot be found out => check it by hand; measured skews count from this clock",
        "同期しているか確認できません => 手で確認してください。時刻ずれはこの時計を基準に測ります",
    ),
    "vault": ("vault password", "Vault パスワード"),
    "vault.ok": ("{path}", "{path}"),
    "vault.asked": ("asked for at each run ({label}@prompt)", "実行のたびに入力します({label}@prompt)"),
    "vault.missing": (
        "none configured: no new password can be stored, so none will be set on a device"
        " => write one into a file only you can read and export ANSIBLE_VAULT_PASSWORD_FILE=that file",
        "設定がありません。新しいパスワードを保存できないため、機器に設定しません"
        " => 本人だけが読めるファイルに書き、export ANSIBLE_VAULT_PASSWORD_FILE=そのファイル",
    ),
    "vault.gone": ("{path} is not there => correct the path", "{path} がありません => パスを直してください"),
    "vault.unreadable": (
        "{path} cannot be read by you => chown or chmod it",
        "{path} を読む権限がありません => chown または chmod で直してください",
    ),
    "vault.open": (
        "{path} can be read or written by everyone => chmod 600 '{path}'",
        "{path} は誰でも読み書きできます => chmod 600 '{path}'",
    ),
    "vault.empty": ("{path} is empty => write a password into it", "{path} が空です => パスワードを書いてください"),
    "vault.executable": (
        "{path} is executable but no program, Ansible would try to run it => chmod 600 '{path}'",
        "{path} に実行権がありますがプログラムではなく、Ansible が実行しようとします => chmod 600 '{path}'",
    ),
    "lab": ("lab", "ラボ"),
    "lab.ok": ("not running", "動いていません"),
    "lab.running": (
        "a simulated site is still running (process {pid}) => make demo-down, or: nwcs-lab down --dir '{folder}'",
        "模擬サイトが動いたままです(プロセス {pid}) => make demo-down または nwcs-lab down --dir '{folder}'",
    ),
    "lab.unknown": (
        "{path} cannot be understood => look for a process nwcs-lab",
        "{path} を解釈できません => nwcs-lab のプロセスを確認してください",
    ),
    "locale": ("locale", "ロケール"),
    "locale.ok": ("{found}", "{found}"),
    "locale.other": (
        "{found} is not UTF-8, Ansible refuses to start => export LC_ALL=C.UTF-8",
        "{found} は UTF-8 ではなく、Ansible が起動しません => export LC_ALL=C.UTF-8",
    ),
    "path": ("PATH", "PATH"),
    "path.ok": ("{found}", "{found}"),
    "path.missing": (
        "ansible-playbook is not on PATH (cron often has a short one) => add {folder} to PATH",
        "ansible-playbook が PATH にありません(cron では短い PATH になります) => {folder} を PATH に加えてください",
    ),
    "path.other": (
        "ansible-playbook is {found}, not the one of this environment => put {folder} first on PATH",
        "ansible-playbook は {found} で、この環境のものではありません => {folder} を PATH の先頭に置いてください",
    ),
    "libraries": ("libraries", "ライブラリ"),
    "libraries.ok": ("{found}", "{found}"),
    "libraries.missing": (
        "missing or too old: {wrong} => {python} -m pip install --upgrade {install}",
        "不足または古いもの: {wrong} => {python} -m pip install --upgrade {install}",
    ),
    "disk": ("disk", "ディスク"),
    "disk.ok": ("{free} MB free", "空き {free} MB"),
    "disk.full": (
        "only {free} MB free, {wanted} MB are wanted => make room before a run writes secrets and sheets",
        "空きが {free} MB しかありません({wanted} MB 必要) => 実行前に空きを作ってください",
    ),
    "umask": ("umask", "umask"),
    "umask.ok": ("{found}", "{found}"),
    "umask.open": (
        "{found}: others may change files you make => umask 022 (or 077) in your shell's start file",
        "{found}: 作成したファイルを他人が変更できます => シェルの起動ファイルに umask 022(または 077)を書いてください",
    ),
    "store": ("secret store", "秘密情報の保管庫"),
    "store.ok": ("{count} device(s), all readable", "機器 {count} 台、すべて読み取れます"),
    "store.unknown": ("not looked at: {reason}", "確認できません: {reason}"),
    "store.refuses": (
        "nothing new can be kept, so no device will be changed: {reason} => {advice}",
        "新しい秘密情報を保管できないため、機器を変更できません: {reason} => {advice}",
    ),
    "store.unreadable": (
        "{device}: {reason} => nwcs-secrets restore {device}, or give the vault password it was written with",
        "{device}: {reason}"
        " => nwcs-secrets restore {device} を実行するか、書き込み時の Vault パスワードを指定してください",
    ),
    "copy": ("second copy", "第二の写し"),
    "copy.none": ("none is asked for (nwcs_secret_copy)", "設定なし(nwcs_secret_copy)"),
    "copy.ok": ("equal", "一致しています"),
    "copy.differs": (
        "missing or different: {names} => nwcs-secrets copy, with the same -i",
        "写しがないか異なります: {names} => 同じ -i で nwcs-secrets copy を実行してください",
    ),
    "copy.lost": (
        "{device}: only the copy has the passwords of {names} => nwcs-secrets restore {device}, with the same -i",
        "{device}: {names}のパスワードは第二の写しにしかありません"
        " => 同じ -i で nwcs-secrets restore {device} を実行してください",
    ),
    "copy.unreadable": (
        "{device}: {reason} => look at that place, then nwcs-secrets copy",
        "{device}: {reason} => その場所を確認してから nwcs-secrets copy を実行してください",
    ),
    "pending": ("passwords being changed", "変更中のパスワード"),
    "pending.ok": ("none", "なし"),
    "pending.left": (
        "{count} change(s) not finished: {names} => run the playbook that was cut off again",
        "未完了の変更 {count} 件: {names} => 中断したプレイブックをもう一度実行してください",
    ),
    "hold": ("devices on hold", "保全中の機器"),
    "hold.ok": ("none", "なし"),
    "hold.some": ("{names}", "{names}"),
    "hold.unreadable": (
        "{device} counts as on hold: {reason} => give the vault password it was written with, or put it on hold again",
        "{device} は保全中とみなします: {reason}"
        " => 書き込み時の Vault パスワードを指定するか、もう一度保全にしてください",
    ),
    "lease": ("run locks", "実行ロック"),
    "lease.ok": ("none left behind", "残っているものはありません"),
    "lease.live": ("being changed now: {names}", "変更中: {names}"),
    "lease.stale": (
        "{device} was not given back: {holder} => make sure there that it no longer runs, then run once with"
        " -e nwcs_take_over=true",
        "{device} が返却されていません: {holder} => 実行が終わっていることをその場で確かめ、一度だけ"
        " -e nwcs_take_over=true を付けて実行してください",
    ),
    "lease.unreadable": (
        "{device}: {reason} => make sure that no run changes it, then run once with -e nwcs_take_over=true",
        "{device}: {reason}"
        " => 変更中の実行がないことを確かめ、一度だけ -e nwcs_take_over=true を付けて実行してください",
    ),
}
