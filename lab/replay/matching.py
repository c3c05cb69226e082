# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which recorded exchange a request means: method and path are the same, the rest is as alike as can be.

Values differ (nonces, session ids, numbers of requests), names do not; so texts of a request are compared as words, and
what names the operation (the first element of a SOAP body, the values of a query, texts of JSON) must be there.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

ALIKE = 0.6  # at least this share of the words
HIDDEN = "=REDACTED"  # as the recording writes secrets
_SOAP_BODY = re.compile(r"<(?:\w+:)?Body\b[^>]*>(.*)</(?:\w+:)?Body>", re.S)
_XML_WORD = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)|>([^<>\s][^<>]*)<")


@dataclass(frozen=True)
class Asked:
    """A request as far as it is compared."""

    method: str
    path: str
    words: tuple[tuple[str, int], ...]
    login: bool
    scheme: str
    port: int
    refused: bool = False  # recorded: a login that was answered with another challenge

    @classmethod
    def of_recorded(cls, one: Mapping[str, Any]) -> Asked:
        body = (one.get("request") or {}).get("text", "")
        made = cls._of(one["method"], one["path"], body, one["login"], one["scheme"], one["port"])
        return replace(made, refused=one["login"] and one.get("status") == 401)

    @classmethod
    def of_live(cls, method: str, path: str, body: bytes, login: bool, scheme: str, port: int) -> Asked:
        return cls._of(method, path, body.decode("utf-8", "replace"), login, scheme, port)

    @classmethod
    def _of(cls, method: str, path: str, body: str, login: bool, scheme: str, port: int) -> Asked:
        place, _mark, query = path.partition("?")
        words = Counter(f"?{unquote(part)}" for part in query.split("&") if part)
        words.update(_words(body))
        return cls(method, place, tuple(sorted(words.items())), login, scheme, port)

    def likeness(self, other: Asked) -> float:
        """1.0: the same words; 0.0: none in common."""
        hidden = {word.partition("=")[0] for word, _count in (*self.words, *other.words) if word.endswith(HIDDEN)}
        one, two = (Counter(_without(asked.words, hidden)) for asked in (self, other))
        total = sum((one | two).values())
        return 1.0 if not total else sum((one & two).values()) / total


def _without(words: tuple[tuple[str, int], ...], hidden: set[str]) -> list[str]:
    """The words, without the values of what the recording hides."""
    bare = ((name if (name := word.partition("=")[0]) in hidden else word, count) for word, count in words)
    return [word for word, count in bare for _each in range(count)]


def _words(body: str) -> list[str]:
    if not body.strip():
        return []
    if body.lstrip().startswith("<"):
        found = _SOAP_BODY.search(body)
        return [tag or text for tag, text in _XML_WORD.findall(found[1] if found else body)]
    try:
        return list(_json_words("", json.loads(body)))
    except ValueError:
        return body.split("&")


def _json_words(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _json_words(str(key), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _json_words(name, inner)
    elif name not in ("id", "session"):
        yield f"{name}={value}"


def best(asked: Asked, recorded: Sequence[Asked], used: Mapping[int, int]) -> int | None:
    """The number of the recorded exchange that fits best; None when none does.

    Of equals the one asked for least often is next: a second reading gets the second answer.
    """
    ranked = []
    for number, one in enumerate(recorded):
        if (one.method, one.path) != (asked.method, asked.path):
            continue
        likeness = asked.likeness(one)
        if likeness >= ALIKE and not (asked.login and not one.login):
            same_way = (one.scheme, one.port) == (asked.scheme, asked.port)
            rank = (likeness, not one.refused, one.login == asked.login, same_way, -used.get(number, 0), -number)
            ranked.append(rank)
    return -max(ranked)[-1] if ranked else None


def echoed(answer: str, recorded: str, live: bytes) -> str:
    """An answer in JSON says back what was asked (numbers of calls, times): under the same name, what is asked now."""
    try:
        then, now = dict(_leaves("", json.loads(recorded))), dict(_leaves("", json.loads(live)))
        content = json.loads(answer)
    except ValueError:
        return answer
    changed = {name: (then[name], now[name]) for name in then if name in now and then[name] != now[name]}
    return json.dumps(_put(changed, "", content)) if changed else answer


def _leaves(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(str(key), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(name, inner)
    elif isinstance(value, int):
        yield name, value


def _put(changed: Mapping[str, tuple[int, int]], name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _put(changed, str(key), inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_put(changed, name, inner) for inner in value]
    return changed[name][1] if name in changed and value == changed[name][0] else value
