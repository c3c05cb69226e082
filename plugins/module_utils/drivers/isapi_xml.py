# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ISAPI documents as they came: changed in place, everything else byte for byte the same (fact sheet 2).

A PUT replaces the whole document, and devices refuse what was written anew by an XML library: lost namespace
declarations, another order. So a tree is {"text": the received document}, and a write cuts one value out of it and puts
another one in. Bytes that are no UTF-8 travel as surrogates and go back as they came.

A path is "A/B[2]/C" below the root: local names; "[2]" is the second one, "[name=x]" the one whose child says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, UNVERIFIABLE, Reading

ROWS = 256
_TOKEN = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<![^>]*>|<(/?)([^\s/>]+)((?:[^>\"'/]|/(?!>)|\"[^\"]*\"|'[^']*')*)(/?)>",
    re.S,
)
_STEP = re.compile(r"([\w.*-]+)(?:\[(?:(\d+)|([\w.-]+)=([^\]]*))\])?")
_ENTITY = re.compile(r"&(?:#x([0-9A-Fa-f]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot|apos));")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.S)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SECRET = re.compile(r".*(password|passwd|passphrase|secret|community|verificationcode|key)", re.I)
_KEPT = re.compile(r"nwcs-kept:[\w/.-]+:\d+")
_WORDS = ("true", "false", "valid", "invalid", "")


@dataclass(frozen=True)
class Node:
    """One element: its opening tag is text[start:inner], its content text[inner:close]."""

    name: str
    raw: str  # with its prefix
    start: int
    inner: int
    close: int
    end: int
    children: tuple[Node, ...]


def tree_of(body: bytes) -> dict[str, str]:
    """The document of an answer that decode.xml has accepted."""
    return {"text": body.decode("utf-8", "surrogateescape").lstrip("\ufeff")}


def body_of(tree: dict[str, str]) -> bytes:
    return tree["text"].encode("utf-8", "surrogateescape")


@lru_cache(maxsize=128)
def parse(text: str) -> Node:
    """The root element. Elements that are never closed end where their parent does. ValueError: no element at all."""
    stack: list[tuple[re.Match[str] | None, list[Node]]] = [(None, [])]

    def finish(close: int, end: int) -> None:
        opening, inside = stack.pop()
        raw = opening[2]
        stack[-1][1].append(
            Node(raw.rpartition(":")[2], raw, opening.start(), opening.end(), close, end, tuple(inside))
        )

    for token in _TOKEN.finditer(text):
        if token[2] is None:
            continue
        if token[1]:
            if any(opening is not None and opening[2] == token[2] for opening, _inside in stack):
                while stack[-1][0][2] != token[2]:  # type: ignore[index]
                    finish(token.start(), token.start())
                finish(token.start(), token.end())
            continue
        stack.append((token, []))
        if token[4]:
            finish(token.end(), token.end())
    while len(stack) > 1:
        finish(len(text), len(text))
    if not stack[0][1]:
        raise ValueError("no element")
    return stack[0][1][0]


# -- looking -----------------------------------------------------------------------------------------------------------
def find(tree: dict[str, str], path: str) -> list[Node]:
    """All elements at `path`; "" is the root."""
    text = tree["text"]
    found = [parse(text)]
    for name, number, field, wanted in _STEP.findall(path):
        found = [child for parent in found for child in parent.children if name in (child.name, "*")]
        if number:
            found = found[int(number) - 1 : int(number)]
        elif field:
            found = [node for node in found if any(c.name == field and value(text, c) == wanted for c in node.children)]
    return found


def every(tree: dict[str, str], name: str) -> Iterator[Node]:
    """All elements of this local name, wherever they are."""
    waiting = [parse(tree["text"])]
    while waiting:
        node = waiting.pop()
        if node.name == name:
            yield node
        waiting.extend(reversed(node.children))


def rows(tree: dict[str, str], name: str) -> list[str]:
    """Paths ("NAME[1]/", …) of the rows of a list below the root. ValueError for a list that no device has."""
    count = len(find(tree, name))
    if count > ROWS:
        raise ValueError("too many rows")
    return [f"{name}[{index}]/" for index in range(1, count + 1)]


def value(text: str, node: Node) -> str:
    """The text of an element without its spaces; characters that nobody can read become marks."""
    inner = text[node.inner : node.close] if not node.children else ""
    pieces = _CDATA.split(inner)
    pieces[::2] = [_ENTITY.sub(_character, re.sub(r"<[^>]*>", "", piece)) for piece in pieces[::2]]
    return "".join(pieces).strip().encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def get(tree: dict[str, str], path: str, default: Any = ABSENT) -> Any:
    """The text at `path`, or `default`."""
    found = find(tree, path)
    return value(tree["text"], found[0]) if found else default


def child(tree: dict[str, str], node: Node, path: str, default: Any = "") -> Any:
    """The text at `path` below an element."""
    found = [node]
    for name in path.split("/"):
        found = [kid for parent in found for kid in parent.children if kid.name == name]
    return value(tree["text"], found[0]) if found else default


def has(tree: dict[str, str], path: str) -> bool:
    return bool(find(tree, path))


def flag(tree: dict[str, str], path: str) -> Any:
    """A boolean ("true", also "TRUE"); another word as it is, so that nobody takes it for one; ABSENT."""
    word = get(tree, path)
    return word if word is ABSENT else {"true": True, "false": False}.get(word.lower(), word)


def any_on(states: Iterable[Any]) -> Any:
    """One boolean of several flags: on where one is on; off where all are, else the first word that nobody knows."""
    known = [state for state in states if state is not ABSENT]
    if True in known:
        return True
    return next((state for state in known if state is not False), False) if known else ABSENT


def odd(what: str, word: Any) -> Reading:
    """What follows from a word that is neither true nor false cannot be told (H13)."""
    return Reading(UNVERIFIABLE, None, f"the device holds {str(word)[:40]!r} for {what}; it is true or false")


def attributes(tree: dict[str, str], node: Node) -> dict[str, str]:
    head = tree["text"][node.start : node.inner]
    found = re.findall(r"\s([\w:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", head)
    return {name.rpartition(":")[2]: _ENTITY.sub(_character, one or two) for name, one, two in found}


def leaves(tree: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(path of local names below the root, text) of every element without children."""
    text = tree["text"]

    def walk(node: Node, path: str) -> Iterator[tuple[str, str]]:
        for kid in node.children:
            below = f"{path}/{kid.name}" if path else kid.name
            if kid.children:
                yield from walk(kid, below)
            else:
                yield below, value(text, kid)

    return walk(parse(text), "")


def rest_of(*modelled: str) -> Callable[[dict[str, str]], Any]:
    """What is not at a path that ends with one of `modelled`; for the digest of a document."""
    ends = tuple(f"/{end}" for end in modelled)

    def rest(tree: dict[str, str]) -> Any:
        return [[path, word] for path, word in leaves(tree) if not f"/{path}".endswith(ends)]

    return rest


# -- changing ----------------------------------------------------------------------------------------------------------
def put(tree: dict[str, str], path: str, new: Any) -> None:
    """Set the text of the element at `path`. KeyError when it is not there: nothing is invented."""
    found = find(tree, path)
    if not found:
        raise KeyError(path)
    word = {True: "true", False: "false"}.get(new, new) if isinstance(new, bool) else str(new)
    if value(tree["text"], found[0]) != word:
        _fill(tree, found[0], escape(word))


def put_flag(tree: dict[str, str], path: str, new: bool) -> None:
    """A boolean that is written in another case ("TRUE") is left as it is when it says the same."""
    if flag(tree, path) is not new:
        put(tree, path, new)


def element(tree: dict[str, str], name: str, inner: str) -> str:
    """An element for this document as text: with the prefix of its root. `inner` is escaped already."""
    raw = parse(tree["text"]).raw
    prefix = raw[: -len(raw.rpartition(":")[2])] if ":" in raw else ""
    return f"<{prefix}{name}>{inner}</{prefix}{name}>"


def append(tree: dict[str, str], path: str, fragment: str) -> None:
    """Add as the last child of the element at `path`."""
    found = find(tree, path)
    if not found:
        raise KeyError(path)
    node = found[0]
    if node.close == node.end:
        _fill(tree, node, fragment)
    else:
        place = node.children[-1].end if node.children else node.inner
        tree["text"] = tree["text"][:place] + fragment + tree["text"][place:]


def replace(tree: dict[str, str], node: Node, fragment: str) -> None:
    """Put `fragment` where an element is; "" takes it away, with the spaces before it."""
    text = tree["text"]
    before = text[: node.start] if fragment else text[: node.start].rstrip()
    tree["text"] = before + fragment + text[node.end :]


def set_children(tree: dict[str, str], path: str, fragments: Iterable[str]) -> None:
    """All children of the element at `path` are these."""
    found = find(tree, path)
    if not found:
        raise KeyError(path)
    _fill(tree, found[0], "".join(fragments))


def as_document(tree: dict[str, str], node: Node) -> dict[str, str]:
    """An element as a document of its own, with the declarations of the document that it was in."""
    text, root = tree["text"], parse(tree["text"])
    own, mine = text[node.start : node.inner], text[node.start : node.end]
    declared = re.findall(r"\sxmlns(?:[:][\w.-]+)?\s*=\s*(?:\"[^\"]*\"|'[^']*')", text[root.start : root.inner])
    missing = [word for word in declared if word.partition("=")[0].strip() + "=" not in re.sub(r"\s*=", "=", own)]
    cut = 1 + len(node.raw)
    return {"text": mine[:cut] + "".join(missing) + mine[cut:]}


def escape(word: str) -> str:
    """ValueError for characters that XML cannot hold."""
    if _NOT_XML.search(word):
        raise ValueError("characters that XML cannot hold")
    return word.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def storable(word: str) -> bool:
    return _NOT_XML.search(word) is None and word == word.strip()


def _fill(tree: dict[str, str], node: Node, inner: str) -> None:
    text = tree["text"]
    if node.close == node.end:  # <a/> or never closed
        head = text[node.start : node.inner]
        head = head[:-2].rstrip() + ">" if head.endswith("/>") else head
        tree["text"] = f"{text[: node.start]}{head}{inner}</{node.raw}>{text[node.end :]}"
    else:
        tree["text"] = text[: node.inner] + inner + text[node.close :]


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return _NAMED[match[3]]
    number = int(match[1], 16) if match[1] else int(match[2])
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"


# -- secrets -----------------------------------------------------------------------------------------------------------
def mask(tree: dict[str, str], name: str) -> dict[str, str]:
    """Take the secrets out of a document: {mark that stands there now: what stood there, as it was written}."""
    kept: dict[str, str] = {}
    nodes = [node for node in _all(parse(tree["text"])) if not node.children and _SECRET.fullmatch(node.name)]
    for number, node in reversed(list(enumerate(nodes))):
        if value(tree["text"], node).lower() in _WORDS:
            continue
        mark = f"nwcs-kept:{name}:{number}"
        kept[mark] = tree["text"][node.inner : node.close]
        _fill(tree, node, mark)
    return kept


def unmask(tree: dict[str, str], kept: dict[str, str]) -> dict[str, str]:
    """The inverse. KeyError when a secret is not known."""
    return {"text": _KEPT.sub(lambda match: kept[match[0]], tree["text"])}


def _all(node: Node) -> Iterator[Node]:
    yield node
    for kid in node.children:
        yield from _all(kid)
