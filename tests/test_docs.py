"""What the documents say is so."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import click
import pytest
from lxml import etree

from boxis_gateway.commands import COMMANDS, cli
from boxis_gateway.form_api.action import table
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.renderers import RENDERERS
from boxis_gateway.importers import IMPORTERS, Importer
from boxis_gateway.importers.reading.columns import COLUMNS
from boxis_gateway.importers.reading.lines import GoodLine, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings, settings_table
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone
from tests.conftest import NOW, PROJECT, RunningServer, add_messages

README = (PROJECT / "README.md").read_text()
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_the_settings_table_is_that_of_the_code() -> None:
    assert settings_table() in README


def test_every_command_action_and_column_is_named() -> None:
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command
        assert f"`boxis-gateway {command.name}`" in README
        for part in command.commands if isinstance(command, click.Group) else ():
            assert f"`{part}`" in README
    for _, action in ACTIONS:
        assert f"`{action}`" in README
    for name in IMPORTERS:
        assert f"`{name}`" in README
    for name in COLUMNS:
        assert f"`{name}`" in (PROJECT / "docs/importing.md").read_text()


def test_every_error_text_of_the_wire_is_explained() -> None:
    texts = set()
    for answer in PROJECT.glob("tests/wire/*/answer.json"):
        text = json.loads(answer.read_text().replace("TIMESTAMP", "0"))["resulttxt"]
        texts.add(text.removeprefix("Error: "))
    assert len(texts) > 8
    for text in texts - {"success"}:
        assert f"`{text}`" in README


def test_the_example_of_an_action_works(store: Store, account: Account) -> None:
    code = next(block for block in blocks(CONTRIBUTING, "python") if "getSenderNames" in block)
    module = types.ModuleType("example")
    exec(code, module.__dict__)
    action = table([module.get_sender_names])["sms", "getSenderNames"]
    for names, shown in (
        ([], b'"params":{"senders":[]}'),
        (["HQSMS", "boxis.net"], b'{"senders":{"sender1":"HQSMS","sender2":"boxis.net"}}'),
    ):
        store.accounts.set_sender_names(account, names)
        result = action.run(account, (), Settings(), store, NOW)
        assert shown in b"".join(RENDERERS["json"].render(result, 0))


def test_the_example_of_a_renderer_works(store: Store, account: Account) -> None:
    code = next(block for block in blocks(CONTRIBUTING, "python") if "returntype=count" in block)
    module = types.ModuleType("example")
    exec(code, module.__dict__)
    add_messages(store, account, {"date": "2012-05-09 10:00"}, {"date": "2012-05-09 10:01"})
    result = ACTIONS["sms", "getHistory"].run(account, (), Settings(), store, NOW)
    assert list(module.render(result, 0)) == [b"2"]


def test_the_example_of_an_importer_works() -> None:
    code = next(block for block in blocks(CONTRIBUTING, "python") if "`plain`" in block)
    module = types.ModuleType("example")
    exec(code, module.__dict__)
    said = b"2026-11-21 23:30:02 boxis.net 48514151563 two words\nx\na b c d e\n"
    assert module.matches(said)
    good, *bad = module.read(Source(BytesIO(said)), ReadOptions(find_zone("UTC")))
    assert isinstance(good, GoodLine)
    assert good.message.text == "two words"
    assert len(bad) == 2
    assert {*Importer.__annotations__, "matches", "read"} <= set(vars(module))


def start_demo(folder: Path) -> tuple[RunningServer, str]:
    """`make run` without make: examples/demo.sh in a folder of its own; and what it says."""
    server = RunningServer.__new__(RunningServer)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    server.start(["sh", "examples/demo.sh"], folder, PORT="0", PATH=path)
    assert server.process.stdout is not None
    said = ""
    for line in server.process.stdout:
        said += line
        if found := re.search(r"listens on (http://\S+)", line):
            server.url = found[1]
            break
    return server, said


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(PROJECT / "examples", folder / "examples")
    return folder


@pytest.fixture(scope="module")
def demo(demo_folder: Path) -> Iterator[RunningServer]:
    server, said = start_demo(demo_folder)
    assert " 0 added" not in said
    yield server
    server.stop()


Run = Callable[[list[str], str], str]


@pytest.fixture
def run(demo: RunningServer) -> Run:
    """Run a program of the README against the demo; what it prints."""

    def run(command: list[str], program: str) -> str:
        program = program.replace("http://127.0.0.1:8080/", demo.url)
        done = subprocess.run(
            command, input=program, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def masked(answer: str) -> str:
    return re.sub(r'(<timestamp>|"timestamp":)\d+', r"\1…", answer).strip()


def test_the_first_screen_shows_what_is_answered(run: Run) -> None:
    request = blocks(README, "sh")[0]
    assert masked(run(["bash"], request)) == masked(blocks(README, "xml")[0])
    as_json = request.replace("-d section=sms", "-d returntype=json -d section=sms")
    assert masked(run(["bash"], as_json)) == masked(blocks(README, "json")[0])


def test_the_rest_door_lists_and_reads_what_is_shown(run: Run) -> None:
    log_in, read = (block for block in blocks(README, "sh") if "/sms" in block)
    listed, message = run(["bash"], log_in + "echo\n" + read).strip().split("\n")
    customer = re.compile(r'(?<="customer":")[0-9a-f]{24}')  # whose id is another in each store
    shown = next(block for block in blocks(README, "json") if '"messages"' in block)
    assert customer.sub("…", listed) == customer.sub("…", shown.strip())
    assert json.loads(listed)["messages"] == [json.loads(message)]


@pytest.mark.parametrize(
    ("language", "command"), [("php", "php"), ("python", sys.executable), ("sh", "bash")]
)
def test_the_programs_that_sign_get_their_history(language: str, command: str, run: Run) -> None:
    program = next(block for block in blocks(README, language) if "version" in block)
    tree = etree.fromstring(run([command], program).strip().encode())
    assert tree.findtext("history/sms2/reciptient") == "48717609573"


@pytest.mark.parametrize("language", ["php", "csharp", "java", "python", "javascript", "sh"])
def test_signing_is_shown_in_six_languages(language: str) -> None:
    assert any("authcode" in block for block in blocks(README, language))


def test_the_demo_is_harmless_to_repeat(demo: RunningServer, demo_folder: Path) -> None:
    again, said = start_demo(demo_folder)
    again.stop()
    assert said.count(" 0 added") == 3
