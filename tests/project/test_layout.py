"""Layout of the package: imports go one way, no circles, complete tables, docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import boxis_gateway
from boxis_gateway.commands import COMMANDS
from boxis_gateway.exporters import EXPORTERS
from boxis_gateway.form_api.actions import ACTIONS
from boxis_gateway.form_api.renderers import RENDERERS
from boxis_gateway.importers import IMPORTERS

PACKAGE = Path(boxis_gateway.__file__).parent
TREES = {
    str(path.relative_to(PACKAGE)): ast.parse(path.read_text())
    for path in sorted(PACKAGE.rglob("*.py"))
}
FOLDERS = sorted({str(Path(name).parent) for name in TREES})

STEPS = (
    ("__main__",),
    ("commands",),
    ("app",),
    ("api_docs",),
    ("form_api", "rest_api"),
    ("monitoring", "services", "importing", "doctor"),
    ("opening",),
    ("limiting", "server", "store"),
    ("importers", "settings", "client"),
    ("setting_kinds", "exporters", "sms"),
    ("model", "zones", "logs"),
    ("errors", "levels", "deferred", "local_time_cache", "bounded_cache", "log_stream"),
    ("authcode", "passwords", "export_columns", "request_limits", "networks", "timed_http"),
)
"""From the top down: a folder or module imports only from the steps below its own."""

LIBRARIES = {
    "apsw": (
        "store/engines/sqlite",
        "store/engines/errors.py",
        "store/transfer",
        "importers/reading/tables",
    ),
    "psycopg": ("store/engines/postgresql", "importers/reading/tables"),
    "pymysql": ("importers/reading/tables",),
    "peewee": ("store",),
    "playhouse": ("store",),
    "apispec": ("api_docs",),
    "argon2": ("passwords.py",),
    "cryptography": ("store/secrets/vault.py",),
    "flask": (
        "app.py",
        "api_docs/__init__.py",
        "rest_api/endpoint.py",
        "rest_api/request_fields.py",
    ),
    "flask_swagger_ui": ("api_docs/__init__.py",),
    "werkzeug": ("app.py", "form_api/endpoint.py", "form_api/form.py", "rest_api/endpoint.py"),
    "marshmallow": ("form_api/action", "form_api/params.py", "api_docs", "rest_api"),
    "lxml": ("client.py", "importers/boxis"),
    "gunicorn": ("server",),
    "limits": ("limiting", "setting_kinds.py"),
    "httptools": ("server",),
    "click": ("commands",),
    "opentelemetry": ("monitoring/traces.py",),
    "prometheus_client": ("monitoring",),
    "pyarrow": ("exporters/parquet.py",),
}
"""Where a library may be imported: paths begin so."""

Graph = Mapping[str, set[str]]


def module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(tree: ast.Module) -> Iterator[str]:
    """Full names of all that a module imports, for type checking too: `package.module.name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def import_graph(trees: Mapping[str, ast.Module]) -> Graph:
    """Modules of the package, by their dotted names in it -> modules that they import."""
    modules = {module(path) for path in trees}
    graph: dict[str, set[str]] = {}
    for path, tree in trees.items():
        names = (name.removeprefix("boxis_gateway.") for name in imported(tree))
        found = {name if name in modules else name.rpartition(".")[0] for name in names}
        graph[module(path)] = (found & modules) - {module(path)}
    return graph


def circle(graph: Graph) -> Sequence[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def children_graph(graph: Graph, folder: str) -> Graph:
    """Members of a folder, each subfolder as a whole -> the neighbours that it imports."""
    prefix = "" if folder == "." else folder.replace("/", ".") + "."

    def child(name: str) -> str:
        return name[len(prefix) :].split(".")[0] if name.startswith(prefix) else ""

    children: dict[str, set[str]] = {}
    for name, others in graph.items():
        if own := child(name):
            found = {child(other) for other in others} - {own, ""}
            children.setdefault(own, set()).update(found)
    return children


GRAPH = import_graph(TREES)


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not circle(GRAPH)


@pytest.mark.parametrize("folder", FOLDERS)
def test_neighbours_in_a_folder_do_not_import_each_other_in_a_circle(folder: str) -> None:
    assert not circle(children_graph(GRAPH, folder))


def test_a_circle_is_found_between_modules_and_between_folders() -> None:
    trees = {
        "a/one.py": ast.parse("from boxis_gateway.b import two"),
        "a/three.py": ast.parse(""),
        "b/two.py": ast.parse("import boxis_gateway.a.three"),
    }
    graph = import_graph(trees)
    assert not circle(graph)
    assert circle(children_graph(graph, "."))
    trees["a/three.py"] = ast.parse("if TYPE_CHECKING: from boxis_gateway.a.one import Name")
    assert circle(import_graph(trees))


def test_imports_go_down_the_steps() -> None:
    steps = {name: number for number, names in enumerate(STEPS) for name in names}
    wrong = [
        f"{name} imports {other}"
        for name, others in children_graph(GRAPH, ".").items()
        for other in others - {"boxis_gateway"}
        if steps[other] <= steps[name]
    ]
    assert not wrong


def test_an_import_format_imports_no_other_format() -> None:
    formats = children_graph(GRAPH, "importers")
    shared = {"reading"}
    assert not [f"{name} imports {other}" for name in formats for other in formats[name] - shared]


@pytest.mark.parametrize("path", TREES)
def test_a_library_is_imported_where_it_belongs(path: str) -> None:
    for name in imported(TREES[path]):
        homes = LIBRARIES.get(name.split(".")[0])
        assert homes is None or path.startswith(homes), f"{path} imports {name}"


@pytest.mark.parametrize(
    ("folder", "mark", "table"),
    [
        ("form_api/actions", "@action(", ACTIONS),
        ("form_api/renderers", "\nNAME = ", RENDERERS),
        ("importers", "\nNAME = ", IMPORTERS),
        ("exporters", "\nNAME = ", EXPORTERS),
        ("commands", "\nCOMMAND = ", COMMANDS),
    ],
)
def test_no_module_is_missing_from_its_table(folder: str, mark: str, table: Sequence[str]) -> None:
    paths = [*(PACKAGE / folder).glob("*.py"), *(PACKAGE / folder).glob("*/__init__.py")]
    assert len([path for path in paths if mark in path.read_text()]) == len(table)


def test_stores_are_opened_with_the_keys_of_the_settings() -> None:
    """Only opening.py does so; the store opens the copies of itself that it makes."""
    callers = {
        path
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Store"
    }
    assert callers == {"opening.py", "store/transfer/backup.py", "store/transfer/restore.py"}


def test_the_store_reads_no_environment() -> None:
    assert not [path for path in TREES if path.startswith("store/") and "environ" in names_in(path)]


def names_in(path: str) -> set[str]:
    """Attributes and imported names of a module."""
    nodes = list(ast.walk(TREES[path]))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)} | {
        alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names
    }


DOCUMENTED_METHODS = {
    (node.name, method.name)
    for tree in TREES.values()
    for node in ast.walk(tree)
    if isinstance(node, ast.ClassDef)
    for method in node.body
    if isinstance(method, ast.FunctionDef) and ast.get_docstring(method)
}


def inherits_docstring(node: ast.stmt, parent: ast.ClassDef | None) -> bool:
    """True for a method that a base class documents, as `inspect.getdoc` finds out too."""
    bases = [ast.unparse(base).rpartition(".")[2] for base in parent.bases] if parent else []
    return any((base, getattr(node, "name", "")) in DOCUMENTED_METHODS for base in bases)


def documented(path: str) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef]:
    """The module, its public functions and classes, and the public methods of these, but for
    methods that inherit their docstring. A migration's names are peewee's."""
    yield TREES[path]
    is_migration = not (Path(path).name[0].isalpha() or Path(path).name[0] == "_")
    parents: list[ast.Module | ast.ClassDef] = [] if is_migration else [TREES[path]]
    for parent in parents:
        owner = parent if isinstance(parent, ast.ClassDef) else None
        for node in parent.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_":
                # Meta is of a peewee table or a marshmallow schema.
                if node.name != "Meta" and not inherits_docstring(node, owner):
                    yield node
                if isinstance(node, ast.ClassDef):
                    parents.append(node)


@pytest.mark.parametrize("path", TREES)
def test_everything_public_has_a_docstring(path: str) -> None:
    for node in documented(path):
        assert ast.get_docstring(node), f"{path}: {getattr(node, 'name', 'module')}"


FIRST_LINE = 88  # characters, for the tree in CONTRIBUTING
RIDDLE = re.compile(
    "(As|How|If|Its?|No(body|thing)|Of|See|Such|That|The same|There|These|They|This|Those|What|When"
    "|Where|Whether|Which|Who(ever|m|se)?) "
)
"""First words that leave the noun out."""


@pytest.mark.parametrize("path", TREES)
def test_a_docstring_begins_with_a_noun_or_a_verb(path: str) -> None:
    texts = [ast.get_docstring(node) or "" for node in documented(path)]
    assert [text for text in texts if RIDDLE.match(text)] == []
    assert len(texts[0].splitlines()[0]) <= FIRST_LINE
