"""The shape of the package: imports go one way, tables are complete."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import boxis_gateway
from boxis_gateway.commands import COMMANDS
from boxis_gateway.exporters import EXPORTERS
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.renderers import RENDERERS
from boxis_gateway.importers import IMPORTERS

PACKAGE = Path(boxis_gateway.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts[-2:])

STEPS = [
    ("__main__",),
    ("commands",),
    ("app", "server", "client"),
    ("api_docs", "watch_door"),
    ("form_api", "rest_api", "importing", "doctor"),
    ("parts",),
    ("store", "importers", "exporters", "limiting", "watching"),
    ("sms", "model", "settings", "passwords", "message_files"),
    ("setting_kinds",),
    ("zones", "errors", "logs", "authcode", "networks"),
    ("local_texts", "remembered", "levels"),
]
"""From the top down: a module imports its own kind and the steps below it. Two neighbours are told
apart in ALLOWED."""

ALLOWED = {("sms", "model"), ("server", "form_api"), ("logs", "errors")}

THIRD_PARTY = {
    "apsw": (
        "importers/tables/sqlite_file.py",
        "store/sqlite.py",
        "store/files.py",
        "store/faults.py",
        "store/backup.py",
        "store/restoring.py",
        "store/verifying.py",
    ),
    "psycopg": (
        "importers/tables/servers.py",
        "store/postgresql.py",
        "store/postgresql_connection.py",
        "store/postgresql_engine.py",
        "store/postgresql_rows.py",
        "store/postgresql_texts.py",
        "store/postgresql_url.py",
    ),
    "pymysql": ("importers/tables/servers.py",),
    "peewee": ("store",),
    "playhouse": ("store",),
    "apispec": ("api_docs",),
    "argon2": ("passwords.py",),
    "cryptography": ("store/vault.py",),
    "flask": (
        "app.py",
        "api_docs/__init__.py",
        "form_api/endpoint.py",
        "rest_api/endpoint.py",
    ),
    "flask_swagger_ui": ("api_docs/__init__.py",),
    "werkzeug": (
        "app.py",
        "form_api/endpoint.py",
        "form_api/form.py",
        "rest_api/endpoint.py",
    ),
    "marshmallow": (
        "form_api/action.py",
        "form_api/params.py",
        "form_api/actions",
        "api_docs",
        "rest_api",
    ),
    "lxml": ("client.py", "importers/boxis_answers.py"),
    "gunicorn": ("server/processes.py", "server/worker.py"),
    "limits": ("limiting", "setting_kinds.py"),
    "httptools": ("server/requests.py", "server/wsgi.py"),
    "click": ("commands",),
    "opentelemetry": ("watching/traces.py",),
    "prometheus_client": ("watching/metrics.py", "watching/folder.py"),
    "pyarrow": ("exporters/parquet.py",),
}


def kind(name: str) -> str:
    return name.split(".")[1] if "." in name else "__init__"


def step(kind_of_module: str) -> int:
    return next((n for n, kinds in enumerate(STEPS) if kind_of_module in kinds), len(STEPS))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "boxis_gateway":
                yield from (f"boxis_gateway.{alias.name}" for alias in node.names)
            else:
                yield node.module


def of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    own = of(path)
    for name in imported(path):
        if name.startswith("boxis_gateway."):
            other = kind(name)
            fine = other == own or step(other) > step(own) or (own, other) in ALLOWED
            assert fine, f"{own} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_library_is_used_where_it_belongs(path: Path) -> None:
    place = str(path.relative_to(PACKAGE))
    for name in imported(path):
        homes = THIRD_PARTY.get(name.split(".")[0])
        assert homes is None or place.startswith(homes), f"{place} imports {name}"


@pytest.mark.parametrize(
    ("folder", "count"),
    [
        ("form_api/actions", len(ACTIONS)),
        ("form_api/renderers", len(RENDERERS)),
        ("importers", len(IMPORTERS)),
        ("exporters", len(EXPORTERS)),
        ("commands", len(COMMANDS)),
    ],
)
def test_no_file_is_missing_from_its_table(folder: str, count: int) -> None:
    shared = {
        "__init__.py",
        "columns.py",
        "csv_records.py",
        "dates.py",
        "jasmin_log.py",
        "jasmin_table.py",
        "lines.py",
        "options.py",
        "shown.py",
        "source.py",
        "xml_references.py",
    }
    shared |= {"boxis_answers.py", "boxis_server.py", "telecomx_pages.py", "telecomx_server.py"}
    shared |= {"json_walk.py", "web.py"}
    files = [path for path in (PACKAGE / folder).glob("*.py") if path.name not in shared]
    assert len(files) == count


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes without underscore, and the methods of such classes."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef) and node.name not in OVERRIDING:
                yield from public(node.body)


OVERRIDING = ("GatewayWorker", "GatewayArbiter", "Server")
"""Their methods are described by gunicorn."""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_is_public_is_described(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    for node in public(tree.body):
        assert ast.get_docstring(node) or node.name == "Meta", f"{path.name}: {node.name}"
