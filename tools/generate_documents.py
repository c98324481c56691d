"""Write the generated parts of the documents: `python tools/generate_documents.py`.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from boxis_gateway.settings import settings_table

PROJECT = Path(__file__).parent.parent
PACKAGE = PROJECT / "boxis_gateway"
PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
WIDTH = 34


def package_tree() -> str:
    """Every module of the package with the first line of its docstring, indented by folder."""
    return "\n".join(["```text", *_lines(PACKAGE, 0), "```"])


def _lines(folder: Path, depth: int) -> Iterator[str]:
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    folders = [path.parent for path in folder.glob("*/__init__.py")]
    for path in sorted(modules) + sorted(folders):
        name = f"{'  ' * depth}{path.name}{'' if path.suffix else '/'}"
        yield f"{name:{WIDTH}} {_first_line(path)}".rstrip()
        if not path.suffix:
            yield from _lines(path, depth + 1)


def _first_line(path: Path) -> str:
    module = path if path.suffix else path / "__init__.py"
    return (ast.get_docstring(ast.parse(module.read_text())) or "").partition("\n")[0]


PARTS: Mapping[str, Callable[[], str]] = {"settings": settings_table, "package": package_tree}
DOCUMENTS = (PROJECT / "docs/settings.md", PROJECT / "CONTRIBUTING.md")


def generated(document: Path) -> str:
    """The document with its generated parts as the code has them now."""
    return PART.sub(lambda m: f"{m[1]}{PARTS[m[2]]()}\n{m[3]}", document.read_text())


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(generated(document))
