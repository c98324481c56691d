"""JSON, value by value, of sources that may be larger than the memory.

The standard library reads a document as a whole. Here some containers are walked through, and what
is in them is read one value at a time.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Set
from typing import Any

LONGEST_VALUE = 8_388_608  # characters of a value that is read as a whole

Path = tuple[str, ...]
"""The keys that lead to a value. Items of an array have the path of the array."""
BRACKETS = {"{": "}", "[": "]"}
_MAY_GO_ON = re.compile(r"[.eE+-]{0,2}\Z")  # behind `5`, if `5e-05` is cut


class NotJson(ValueError):
    """What is read is no JSON in UTF-8, or breaks off."""


def walk(chunks: Iterable[bytes], opened: Set[Path]) -> Iterator[tuple[Path, Any]]:
    """The values of the documents that follow each other in the chunks, with their paths; numbers
    as texts. Containers whose path is in `opened` are walked through, but not empty ones, nor
    those that are items of an array.

    Raises NotJson."""
    text = _Text(iter(chunks))
    while text.next_character():
        yield from _values(text, (), opened)


def _values(text: _Text, path: Path, opened: Set[Path]) -> Iterator[tuple[Path, Any]]:
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


def _named(text: _Text, path: Path, opened: Set[Path]) -> Iterator[tuple[Path, Any]]:
    if text.next_character() != '"':
        raise NotJson
    name = text.value()
    text.take(":")
    yield from _values(text, (*path, name), opened)


def _item(text: _Text, path: Path, opened: Set[Path]) -> Iterator[tuple[Path, Any]]:
    yield path, text.value()


class _Text:
    """The text of the chunks, as far as it is read and not yet taken."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_int=str, parse_float=str)
        self._text, self._at = "", 0

    def next_character(self) -> str:
        """The next one that is no white space; "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in " \t\r\n":
                    return self._text[self._at]
                self._at += 1
            if not self._read_on():
                return ""

    def take(self, character: str) -> None:
        """Go behind the next one, which has to be this."""
        if self.next_character() != character:
            raise NotJson
        self._at += 1

    def value(self) -> Any:
        """The next value as a whole."""
        self.next_character()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except RecursionError:
                raise NotJson from None
            except ValueError:
                if not self._read_on():
                    raise NotJson from None
                continue
            if not _MAY_GO_ON.match(self._text, end) or not self._read_on():
                self._at = end
                return value

    def _read_on(self) -> bool:
        """Read as much again as is left, so that long values are not tried too often; whether there
        is more."""
        left = self._text[self._at :]
        if len(left) > LONGEST_VALUE:
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
