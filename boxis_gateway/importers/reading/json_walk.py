"""Incremental reading of JSON documents that may be larger than memory.

The standard library decodes whole documents. Here the containers with certain paths are entered,
and their values are decoded one at a time. docs/dependencies.md says why this is not ijson.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Set
from typing import Any

LONGEST_VALUE = 8_388_608  # characters of a value that is decoded at once; it may hold a picture
LONG_VALUE = 262_144  # characters from which its items are counted
MOST_ITEMS = 50_000  # of a long value: each takes up to 100 octets of memory

KeyPath = tuple[str, ...]
"""The keys that lead to a value. Items of an array have the path of the array."""
BRACKETS = {"{": "}", "[": "]"}
_MAY_CONTINUE = re.compile(r"[.eE+-]{0,2}\Z")  # after `5`, where a chunk ends within `5e-05`


class NotJson(ValueError):
    """The text is not JSON in UTF-8, or ends within a value."""


def walk(chunks: Iterable[bytes], opened: Set[KeyPath]) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the values of consecutive documents with their paths; numbers are strings. Containers
    with a path in `opened` are entered, unless they are empty or items of an array.

    Raises NotJson."""
    text = _Text(iter(chunks))
    while text.next_character():
        yield from _values(text, (), opened)


def _values(text: _Text, path: KeyPath, opened: Set[KeyPath]) -> Iterator[tuple[KeyPath, Any]]:
    bracket = text.next_character()
    if path not in opened or bracket not in BRACKETS:
        yield path, text.value()
        return
    text.take(bracket)
    if text.next_character() == BRACKETS[bracket]:
        yield path, {} if bracket == "{" else []
    else:
        member = _named if bracket == "{" else _item
        yield from member(text, path, opened)
        while text.next_character() == ",":
            text.take(",")
            yield from member(text, path, opened)
    text.take(BRACKETS[bracket])


def _named(text: _Text, path: KeyPath, opened: Set[KeyPath]) -> Iterator[tuple[KeyPath, Any]]:
    if text.next_character() != '"':
        raise NotJson
    name = text.value()
    text.take(":")
    yield from _values(text, (*path, name), opened)


def _item(text: _Text, path: KeyPath, opened: Set[KeyPath]) -> Iterator[tuple[KeyPath, Any]]:
    yield path, text.value()


class _Text:
    """Decoded text of the chunks, and the position in it."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_int=str, parse_float=str)
        self._text, self._at = "", 0

    def next_character(self) -> str:
        """The next character that is not white space; "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in " \t\r\n":
                    return self._text[self._at]
                self._at += 1
            if not self._read_more():
                return ""

    def take(self, character: str) -> None:
        """Move past the next character, which must be this one."""
        if self.next_character() != character:
            raise NotJson
        self._at += 1

    def value(self) -> Any:
        """Decode the next value."""
        self.next_character()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except RecursionError:
                raise NotJson from None
            except ValueError:
                if not self._read_more():
                    raise NotJson from None
                continue
            if not _MAY_CONTINUE.match(self._text, end) or not self._read_more():
                self._at = end
                return value

    def _read_more(self) -> bool:
        """Read at least as much again as is left, so that a long value is decoded only a few times.
        False at the end."""
        left = self._text[self._at :]
        is_long = len(left) > LONG_VALUE
        if len(left) > LONGEST_VALUE or (is_long and sum(map(left.count, ",[{")) > MOST_ITEMS):
            raise NotJson
        pieces, length = [left], 0
        for chunk in self._chunks:
            pieces.append(self._decoded(chunk))
            length += len(pieces[-1])
            if length > len(left):
                break
        if length == 0:
            self._decoded(b"", final=True)
            return False
        self._text, self._at = "".join(pieces), 0
        return True

    def _decoded(self, octets: bytes, *, final: bool = False) -> str:
        try:
            return self._decoder.decode(octets, final)
        except UnicodeDecodeError:
            raise NotJson from None
