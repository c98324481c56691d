"""Commands that write a file: none is lost by a wrong name, and pipes still work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importing.reject_file import RejectFile
from boxis_gateway.model import Account
from boxis_gateway.store import Store, verify
from tests.support.example_account import NOW, USERNAME
from tests.support.running_server import GATEWAY, Gateway

pytestmark = pytest.mark.sqlite_only("files of a store")

COMMANDS = {
    "export": ("export", "TARGET", "--force"),
    "export unforced": ("export", "TARGET", "--format", "jsonl"),
    "import": ("import", "BAD", "--account", USERNAME, "--rejects", "TARGET"),
    "backup": ("backup", "TARGET", "--force"),
    "backup unforced": ("backup", "TARGET"),
    "copy": ("copy", "sqlite:///STORE", "sqlite:///TARGET"),
    "restore": ("restore", "BACKUP", "--database-url", "sqlite:///TARGET"),
    "init": ("init", "--database-url", "sqlite:///TARGET"),
    "rotate-secrets": ("rotate-secrets", "--forget-user-keys"),
}
"""Every command that writes a file whose name is given; TARGET is it."""
KEY_FILE = {"rotate-secrets"}
"""Their target is the setting secret_key_file."""
OPENS_STORES = {"restore", "init"}
"""Their target is a store: one that is there is opened, and by a symbolic link too."""
NUMBER = "48514151563"
ENDINGS = ("", ".key", "-wal", "-shm", "-lock")


@pytest.fixture
def folder(store: Store, account: Account, gateway: Gateway, tmp_path: Path) -> Path:
    """A store in use with all its files, a backup, an import with a bad line."""
    (tmp_path / "good.csv").write_text(f"recipient,sender,date\n{NUMBER},s,2012-05-09 10:00\n")
    words = ("--account", USERNAME, "--timezone", "UTC")
    assert gateway("import", tmp_path / "good.csv", *words).returncode == 0
    assert gateway("backup", tmp_path / "backup.db").returncode == 0
    (tmp_path / "bad.csv").write_text("recipient,sender,date,text\nnobody,s,x,x\n")
    (tmp_path / "other.txt").write_text("precious")
    gateway("account", "list")
    return tmp_path


def own_files(folder: Path) -> list[Path]:
    files = [folder / f"store.db{ending}" for ending in ENDINGS]
    assert all(file.exists() for file in files)
    return files


def targets(folder: Path, command: str) -> Iterator[Path]:
    """Every file of the store by its own and by other names, and another file by a link."""
    links = folder / "links"
    links.mkdir()
    for file in own_files(folder):
        if not (command in OPENS_STORES and file.name == "store.db"):
            yield file
        for name, link in (("hard", os.link), ("symbolic", os.symlink)):
            if command not in OPENS_STORES or file.suffix not in (".db", ".db-lock"):
                link(file, links / f"{name}-{file.name}")
                yield links / f"{name}-{file.name}"
    (links / "other").symlink_to(folder / "other.txt")
    yield links / "other"
    yield folder / "other.txt"


def run(gateway: Gateway, folder: Path, command: str, target: Path) -> str:
    """The error of the command, which must fail in one line."""
    names = {
        "STORE": folder / "store.db",
        "TARGET": target,
        "BAD": folder / "bad.csv",
        "BACKUP": folder / "backup.db",
    }
    words = COMMANDS[command]
    for name, path in names.items():
        words = tuple(word.replace(name, str(path)) for word in words)
    environ = {"BOXIS_GATEWAY_TIMEZONE": "UTC"}
    if command in KEY_FILE:
        environ["BOXIS_GATEWAY_SECRET_KEY_FILE"] = str(target)
    done = gateway(*words, **environ)
    assert done.returncode in (1, 2), (command, target, done)
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_writes_onto_what_is_there(
    command: str, store: Store, folder: Path, gateway: Gateway
) -> None:
    key_file = folder / "store.db.key"
    key = key_file.read_bytes()
    inodes = [file.stat().st_ino for file in own_files(folder)]
    for target in targets(folder, command):
        forced_away = target.name == "other.txt" and command in ("export", "backup")
        is_link = target.is_symlink()
        key_is_right = command in KEY_FILE and not is_link and target.samefile(key_file)
        if forced_away or key_is_right:
            continue
        inode = target.lstat().st_ino
        run(gateway, folder, command, target)
        assert (target.is_symlink(), target.lstat().st_ino) == (is_link, inode)
        assert (folder / "other.txt").read_text() == "precious"
    assert [file.stat().st_ino for file in own_files(folder)] == inodes
    assert (folder / "store.db.key").read_bytes() == key
    assert verify(store, NOW).findings == []
    assert not list(folder.glob("**/.*.part"))


@pytest.mark.parametrize("command", ["export", "backup"])
def test_force_replaces_another_file_and_nothing_else(
    command: str, folder: Path, gateway: Gateway
) -> None:
    (folder / "twin.txt").hardlink_to(folder / "other.txt")
    words = [word.replace("TARGET", str(folder / "other.txt")) for word in COMMANDS[command]]
    assert gateway(*words).returncode == 0
    assert (folder / "other.txt").read_bytes() != b"precious"
    assert (folder / "other.txt").stat().st_mode & 0o777 == 0o600
    assert (folder / "twin.txt").read_text() == "precious"


def test_rejects_of_a_followed_log_are_appended_to_no_other_file(
    store: Store, folder: Path
) -> None:
    for target in targets(folder, "follow"):
        before = (target.stat().st_ino, target.read_bytes())
        with pytest.raises(ImportFailed), RejectFile(target, store.own_files(), append=True):
            pass
        assert (target.stat().st_ino, target.read_bytes()) == before


def test_rejects_replace_rejects_alone(folder: Path, gateway: Gateway) -> None:
    words = ("import", folder / "bad.csv", "--account", USERNAME, "--timezone", "UTC")
    for _ in range(2):
        assert gateway(*words).returncode == 0
        assert (folder / "bad.csv.rejects.csv").read_text().startswith("number,reason\n")
    (folder / "bad.csv").write_text("recipient,sender,date,text\n")
    assert gateway(*words).returncode == 0
    assert not (folder / "bad.csv.rejects.csv").exists()


def test_rejects_go_to_pipes_and_devices(store: Store, folder: Path) -> None:
    words = ["import", str(folder / "bad.csv"), "--account", USERNAME, "--rejects"]
    environ = {**os.environ, "BOXIS_GATEWAY_DATABASE_URL": store.url}
    environ["BOXIS_GATEWAY_TIMEZONE"] = "UTC"

    def said(rejects: str) -> str:
        command = [*GATEWAY, *words, rejects]
        return subprocess.run(
            command, env=environ, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    assert "number,reason" in said("/dev/stdout")
    assert "number,reason" not in said("/dev/null")
    assert Path("/dev/null").is_char_device()


def test_an_interrupted_export_leaves_the_old_file(folder: Path) -> None:
    (folder / "old.csv").write_text("old")
    code = (
        "import sys; from pathlib import Path; from boxis_gateway.store import open_target\n"
        "with open_target(Path(sys.argv[1]), (), replace=True) as file:\n"
        "    file.write(b'new'); file.flush(); raise KeyboardInterrupt"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "old.csv")], capture_output=True, check=False
    )
    assert b"KeyboardInterrupt" in done.stderr
    assert (folder / "old.csv").read_text() == "old"
    assert not list(folder.glob(".old.csv*"))


def test_names_that_are_shown_cannot_drive_a_terminal(folder: Path, gateway: Gateway) -> None:
    name = folder / "\x1b]0;owned\x07\x1b[2J.csv"
    for words in (
        ("export", name),
        ("export", name),
        ("backup", f"{name}.db"),
        ("verify", f"{name}.db"),
        ("restore", f"{name}.none"),
        ("import", f"{name}.none", "--account", USERNAME),
        ("contacts", "import", f"{name}.none", "--customer", USERNAME),
        ("doctor", "--database-url", f"sqlite:///{name}.none"),
        ("init", "--database-url", f"sqlite:///{name}.new"),
    ):
        done = gateway(*words)
        assert "\x1b" not in done.stdout + done.stderr, words
        assert "\\x1b" in done.stdout + done.stderr, words
