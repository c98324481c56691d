"""The project's documents: their text, code blocks, links and commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.paths import PROJECT

DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])
FENCED = re.compile(
    r"^( *)```(\w*)(?: (postgresql)| not run: ([^\n]*))?\n(.*?)^ *```$", re.DOTALL | re.MULTILINE
)
TEXTS = {str(path.relative_to(PROJECT)): path.read_text() for path in DOCUMENTS}
"""Path of each document from the project's folder -> its text."""


@dataclass(frozen=True)
class Block:
    """A fenced code block of a document: the engine that its commands need, and the reason why no
    test runs them, if none does."""

    document: str
    line: int
    language: str
    engine: str
    not_run: str | None
    code: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def all_blocks() -> Iterator[Block]:
    """The code blocks of all documents."""
    for document, text in TEXTS.items():
        for match in FENCED.finditer(text):
            indent, language, engine, not_run, code = match.groups()
            code = re.sub(rf"^{indent}", "", code, flags=re.MULTILINE)
            line = text.count("\n", 0, match.start()) + 1
            yield Block(document, line, language, engine or "sqlite", not_run, code)


def blocks(document: str, language: str) -> list[str]:
    """The code of a document's blocks in one language."""
    return [
        block.code
        for block in all_blocks()
        if (block.document, block.language) == (document, language)
    ]


def without_code(text: str) -> str:
    """The text without its fenced blocks; the lines stay where they are."""
    return FENCED.sub(lambda match: "\n" * match[0].count("\n"), text)


def gateway_calls(code: str) -> Iterator[list[str]]:
    """The arguments of each `boxis-gateway` in a piece of shell."""
    code = code.replace("\\\n", " ")
    code = re.sub(r"\$\([^()]*\)", "X", code)
    for line in code.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
        while "boxis-gateway" in words:
            words = words[words.index("boxis-gateway") + 1 :]
            ends = (n for n, word in enumerate(words) if set(word) <= set("|&;<>()"))
            yield words[: next(ends, len(words))]
