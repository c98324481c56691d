"""Stores by their settings: which keys they have."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from boxis_gateway.commands import cli
from boxis_gateway.opening import key_source, open_server_store, open_store
from boxis_gateway.settings import KEYS_VARIABLE, Settings, load_settings, variable
from boxis_gateway.store import Store
from tests.support.example_account import NOW, USER_KEY, USERNAME

FILE_VARIABLE = variable("secret_key_file")


@pytest.fixture(autouse=True)
def no_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    monkeypatch.delenv(KEYS_VARIABLE, raising=False)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    url, file = f"sqlite:///{tmp_path}/store.db", tmp_path / "elsewhere.key"
    return Settings(database_url=url, secret_key_file=str(file))


def filled(store: Store) -> None:
    with closing(store):
        store.create()
        store.migrate()
        store.accounts.add(USERNAME, USER_KEY, NOW)


def user_key(store: Store) -> str:
    with closing(store):
        return store.user_keys.get(store.accounts.get(USERNAME))


def test_the_key_file_is_a_setting(settings: Settings, tmp_path: Path) -> None:
    filled(open_store(settings))
    assert (tmp_path / "elsewhere.key").exists()
    assert not (tmp_path / "store.db.key").exists()
    assert user_key(open_store(settings)) == USER_KEY
    assert user_key(open_server_store(settings)) == USER_KEY


def test_without_a_setting_the_key_file_is_beside_each_store(tmp_path: Path) -> None:
    filled(open_store(Settings(database_url=f"sqlite:///{tmp_path}/one.db")))
    filled(open_store(Settings(), f"sqlite:///{tmp_path}/other.db"))
    one, other = (tmp_path / f"{name}.db.key" for name in ("one", "other"))
    assert one.read_text() != other.read_text()


def test_a_store_that_a_url_names_has_the_key_file_of_the_settings(
    settings: Settings, tmp_path: Path
) -> None:
    filled(open_store(settings, f"sqlite:///{tmp_path}/other.db"))
    assert [file.name for file in tmp_path.glob("*.key")] == ["elsewhere.key"]


def test_keys_of_the_environment_win_over_the_key_file(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Fernet.generate_key().decode()
    monkeypatch.setenv(KEYS_VARIABLE, f" {key} ")
    filled(open_store(settings))
    assert not (tmp_path / "elsewhere.key").exists()
    assert open_store(settings).vault.keys.location == KEYS_VARIABLE
    assert key not in repr(key_source(settings))
    monkeypatch.setenv(KEYS_VARIABLE, " ")
    (tmp_path / "elsewhere.key").write_text(key)
    assert user_key(open_store(settings)) == USER_KEY


def test_an_empty_key_file_setting_means_the_file_beside_the_store(
    settings: Settings, tmp_path: Path
) -> None:
    filled(open_store(replace(settings, secret_key_file="")))
    assert (tmp_path / "store.db.key").exists()


def test_doctor_shows_where_the_key_file_is_set(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled(open_store(settings))
    file = tmp_path / "elsewhere.key"
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    assert load_settings().secret_key_file == str(file)
    words = ["doctor", "--database-url", settings.database_url]
    cli.main(words, "boxis-gateway", standalone_mode=False)
    shown = capsys.readouterr().out
    assert f"set   secret_key_file = {file} ({FILE_VARIABLE})" in shown
    assert f"ok    {file} opens the user keys" in shown
