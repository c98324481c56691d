"""The documents agree with the code and with each other."""

from __future__ import annotations

import ast
import json
import re
import types
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import click
import pytest

from boxis_gateway.commands import COMMANDS, cli
from boxis_gateway.form_api.action import ActionCall, table
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.renderers import RENDERERS
from boxis_gateway.form_api.results import Success
from boxis_gateway.importers import IMPORTERS, Importer
from boxis_gateway.importers.reading.columns import COLUMNS
from boxis_gateway.importers.reading.lines import GoodLine, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.model import Account
from boxis_gateway.settings import OPTIONS, Settings
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone
from tests.support.documents import PROJECT, TEXTS, all_blocks, blocks, gateway_calls, without_code
from tests.support.example_account import NOW, add_messages
from tools.generate_documents import DOCUMENTS, generated

LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
NAMED = re.compile(r"\b(docs/[\w-]+\.(?:md|svg))\b")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_generated_part_is_as_the_code_has_it(path: Path) -> None:
    assert generated(path) == path.read_text(), "run: python tools/generate_documents.py"


def test_every_command_action_format_and_column_is_named() -> None:
    commands = TEXTS["docs/commands.md"]
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command
        assert f"`boxis-gateway {command.name}`" in commands
        for part in command.commands if isinstance(command, click.Group) else ():
            assert f"`{part}`" in commands
    for _, action in ACTIONS:
        assert f"`{action}`" in TEXTS["docs/form-api.md"]
    for name in (*IMPORTERS, *COLUMNS):
        assert f"`{name}`" in TEXTS["docs/importing.md"]


def test_every_error_text_of_the_wire_is_explained() -> None:
    texts = set()
    for answer in PROJECT.glob("tests/wire/*/answer.json"):
        text = json.loads(answer.read_text().replace("TIMESTAMP", "0"))["resulttxt"]
        texts.add(text.removeprefix("Error: "))
    assert len(texts) > 8
    for text in texts - {"success"}:
        assert f"`{text}`" in TEXTS["docs/form-api.md"]


def test_the_readme_is_short() -> None:
    assert TEXTS["README.md"].count("\n") <= 120


def test_the_index_has_every_document_once() -> None:
    linked = re.findall(r"\]\(([\w-]+\.md)\)", TEXTS["docs/README.md"])
    files = {path.name for path in PROJECT.glob("docs/*.md")} - {"README.md"}
    assert sorted(linked) == sorted(files)


@pytest.mark.parametrize("document", TEXTS)
def test_lines_of_prose_are_short(document: str) -> None:
    lines = without_code(TEXTS[document]).splitlines()
    assert not [line for line in lines if len(line) > 100 and line.lstrip()[:1] not in ("|", "!")]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", TEXTS)
def test_links_lead_somewhere(document: str) -> None:
    for target, anchor in LINK.findall(without_code(TEXTS[document])):
        if target.startswith(("http:", "https:")):
            continue
        path = (PROJECT / document).parent / target if target else PROJECT / document
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text()), f"{target}#{anchor}"


def files_that_name_documents() -> Iterator[Path]:
    yield from (path for path in PROJECT.iterdir() if path.is_file())
    for folder in (
        "boxis_gateway",
        "tests",
        "benchmarks",
        "checks",
        "examples",
        "tools",
    ):
        for path in (PROJECT / folder).rglob("*"):
            if path.suffix in (".py", ".yml", ".sh", ".service", ".conf", ".cfg", ".md"):
                yield path


def test_documents_that_the_code_names_exist() -> None:
    for path in files_that_name_documents():
        for name in NAMED.findall(path.read_text(errors="replace")):
            assert (PROJECT / name).exists(), f"{path}: {name}"


FOREIGN_WORDS = {
    "attempt to write a readonly database",  # SQLite
    "database or disk is full",
    "disk image is malformed",
    "file is not a database",
    "malformed",
    "unable to open database file",
    "was sent SIGKILL",  # gunicorn
    "WORKER TIMEOUT",
}


def test_the_log_says_what_the_table_of_faults_quotes() -> None:
    rows = [line.split("|") for line in TEXTS["docs/troubleshooting.md"].splitlines()]
    quoted = [text for row in rows if len(row) == 7 for text in re.findall(r"`([^`]+)`", row[4])]
    sources = "".join(path.read_text() for path in (PROJECT / "boxis_gateway").rglob("*.py"))
    assert len(quoted) > 10
    for text in set(quoted) - FOREIGN_WORDS:
        assert text.removesuffix(" …") in sources, text


def test_the_audit_log_document_has_every_entry() -> None:
    sources = "".join(path.read_text() for path in (PROJECT / "boxis_gateway").rglob("*.py"))
    recorded = set(re.findall(r'\.record\(\s*"([a-z_.]+)"', sources))
    assert len(recorded) > 20
    for entry in recorded:
        assert f"`{entry}`" in TEXTS["docs/audit.md"], entry


def test_make_failover_does_what_the_document_says() -> None:
    check = (PROJECT / "checks/failover/servers.py").read_text()
    commands = "".join(block.code for block in all_blocks() if block.document == "docs/failover.md")
    settings = re.findall(r"ALTER SYSTEM SET (\w+)", commands)
    programs = re.findall(r"\b(pg_(?:basebackup|rewind|promote|reload_conf))\b", commands)
    assert len(set(settings)) == 5
    for word in (*settings, *programs):
        assert word in check, word


def test_the_example_of_an_action_works(store: Store, account: Account) -> None:
    module = example("getSenderNames")
    action = table([module.get_sender_names])["sms", "getSenderNames"]
    for names, shown in (
        ([], b'"params":{"senders":[]}'),
        (["HQSMS", "boxis.net"], b'{"senders":{"sender1":"HQSMS","sender2":"boxis.net"}}'),
    ):
        store.accounts.set_sender_names(account, names)
        result = action.run(ActionCall(account, {}, Settings(), store, NOW))
        opened = Success(result.payload.open("json"))
        assert shown in b"".join(RENDERERS["json"].render(opened, 0))


def test_the_example_of_a_renderer_works(store: Store, account: Account) -> None:
    module = example("returntype=count")
    add_messages(store, account, {"date": "2012-05-09 10:00"}, {"date": "2012-05-09 10:01"})
    result = ACTIONS["sms", "getHistory"].run(ActionCall(account, {}, Settings(), store, NOW))
    assert list(module.render(Success(result.payload.open("count")), 0)) == [b"2"]


def test_the_example_of_an_importer_works() -> None:
    module = example("`plain`")
    content = b"2026-11-21 23:30:02 boxis.net 48514151563 two words\nx\na b c d e\n"
    assert module.matches(content)
    good, *bad = module.read(Source(BytesIO(content)), ReadOptions(find_zone("UTC")))
    assert isinstance(good, GoodLine)
    assert good.message.text == "two words"
    assert len(bad) == 2
    assert {*Importer.__annotations__, "matches", "read"} <= set(vars(module))


def example(mark: str) -> types.ModuleType:
    """The module that CONTRIBUTING shows and that contains the mark."""
    code = next(code for code in blocks("CONTRIBUTING.md", "python") if mark in code)
    module = types.ModuleType("example")
    exec(code, module.__dict__)
    return module


PACKAGE_FILES = {
    str(path.relative_to(PROJECT / "boxis_gateway"))
    for path in (PROJECT / "boxis_gateway").rglob("*.py")
}
CLASS = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]*)*")
FUNCTION = re.compile(r"[a-z_]+(?=\(\))|[a-z]+_[a-z_]+")


def names_of_the_package() -> set[str]:
    """Classes, functions, constants, fields and settings of the package."""
    names: set[str] = {*OPTIONS}
    for path in PACKAGE_FILES:
        for node in ast.walk(ast.parse((PROJECT / "boxis_gateway" / path).read_text())):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
    return names


@pytest.mark.parametrize("document", ["docs/architecture.md", "docs/glossary.md"])
def test_modules_and_names_of_the_code_in_a_document_exist(document: str) -> None:
    known = names_of_the_package()
    spans = re.findall(r"`([^`\n]+)`", without_code(TEXTS[document]))
    if document == "docs/glossary.md":  # its third column; the fourth has names of the wire
        rows = [line for line in TEXTS[document].splitlines() if line.startswith("| ")]
        spans = [span for row in rows for span in re.findall(r"`([^`]+)`", row.split(" | ")[2])]
    assert len(spans) > 50
    for span in spans:
        if span.endswith(".py"):
            assert span in PACKAGE_FILES or (PROJECT / span).exists(), span
        elif span.endswith("/"):
            is_here = (PROJECT / "boxis_gateway" / span).is_dir() or (PROJECT / span).is_dir()
            assert is_here, span
        elif CLASS.fullmatch(span) or FUNCTION.fullmatch(span.removesuffix("()")) or span.isupper():
            assert span.removesuffix("()") in known, span


def test_every_command_that_the_documents_show_exists() -> None:
    """Names of commands and of their options, in blocks and in running text."""
    shell = [(str(block), block.code) for block in all_blocks() if block.language == "sh"]
    spans = [
        (document, span.replace("\n", " "))
        for document, text in TEXTS.items()
        for span in re.findall(r"`(boxis-gateway [^`]+)`", without_code(text))
    ]
    calls = [(where, words) for where, code in (*shell, *spans) for words in gateway_calls(code)]
    assert len(calls) > 80
    for where, words in calls:
        check_call(where, words)


def check_call(where: str, words: list[str]) -> None:
    """Fails unless there are this command and its options."""
    command: click.Command = cli
    words = [word.partition("=")[0] if word.startswith("--") else word for word in words]
    while isinstance(command, click.Group):
        context = click.Context(command)
        if not words or words[0].startswith("-"):
            break
        found = command.get_command(context, words.pop(0))
        assert found, f"{where}: no such command"
        command = found
    options = {text for parameter in command.params for text in parameter.opts} | {"--help"}
    unknown = {word for word in words if word.startswith("--")} - options
    assert not unknown, f"{where}: {command.name} has no {unknown}"


def test_the_targets_and_modules_that_the_documents_name_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for document, text in TEXTS.items():
        shell = "\n".join([*blocks(document, "sh"), *re.findall(r"`([^`\n]+)`", text)])
        for words in re.findall(r"^make ([a-z -]+)", shell, re.MULTILINE):
            assert set(words.split()) <= targets, f"{document}: make {words}"
        for module in re.findall(r"\bpython3? -m ((?:benchmarks|checks|fuzz|release)[\w.]*)", text):
            path = PROJECT / module.replace(".", "/")
            is_here = path.with_suffix(".py").exists() or (path / "__main__.py").exists()
            assert is_here or f"python -m {module}` at commit" in text, f"{document}: {module}"
