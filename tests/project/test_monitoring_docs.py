"""Metrics and log lines of docs/monitoring.md and examples/ are those that exist."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from boxis_gateway.app import create_app
from boxis_gateway.monitoring import RequestRecord
from boxis_gateway.monitoring.metrics import Metrics
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from tests.support.example_account import NOW
from tests.support.paths import PROJECT

DOCUMENT = (PROJECT / "docs/monitoring.md").read_text()
PARTS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


@pytest.fixture
def families(store: Store) -> dict[str, str]:
    """Name of each metric, as the document has it -> its type."""
    app = create_app(store, Settings(watch_port="same"), lambda: NOW, metrics=Metrics())
    text = app.test_client().get("/metrics").text
    found = {one.name: one.type for one in text_string_to_metric_families(text)}
    return {f"{name}_total" if kind == "counter" else name: kind for name, kind in found.items()}


def documented(heading: str) -> list[str]:
    """The names in the first column of the table under that heading."""
    table = DOCUMENT.partition(heading)[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


@pytest.mark.sqlite_only("only of a file the log and the free room are known")
def test_the_document_has_every_metric_and_no_other(families: dict[str, str]) -> None:
    names = [f"boxis_gateway_{name}" for name in documented("| Metric ")]
    assert sorted(names) == sorted(families)


@pytest.mark.sqlite_only("only of a file the log and the free room are known")
@pytest.mark.parametrize("example", ["grafana-dashboard.json", "alerts.yml"])
def test_examples_use_metrics_that_there_are(example: str, families: dict[str, str]) -> None:
    exported = {
        name.removesuffix("_total") + part
        for name, kind in families.items()
        for part in PARTS[kind]
    }
    used = set(re.findall(r"boxis_gateway_\w+", (PROJECT / "examples" / example).read_text()))
    assert len(used) > 3
    assert used <= exported


def test_the_dashboard_can_be_imported() -> None:
    dashboard: dict[str, Any] = json.loads(
        (PROJECT / "examples/grafana-dashboard.json").read_text()
    )
    panels = dashboard["panels"]
    assert dashboard["title"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["targets"] and panel["title"] for panel in panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for target in panel["targets"]:
            assert target["expr"].count("(") == target["expr"].count(")")


def test_the_document_has_every_field_of_a_line() -> None:
    seen = RequestRecord()
    for name in ("account", "employee", "format", "reason", "address"):
        setattr(seen, name, "x")
    names = documented("| Field ")
    assert names == ["time", "level", "logger", "message", *seen.fields()]


def test_the_line_in_the_document_is_one_of_ours() -> None:
    when, _, line = re.search(r"^(2026.*,\d{3}) INFO (\S+) (.*)$", DOCUMENT, re.M).groups()  # type: ignore[union-attr]
    seen = RequestRecord()
    shown = dict(word.split("=") for word in line.split())
    seen.id, seen.first_byte = shown["request"], float(shown["first_byte"])
    seen.seconds = float(shown["seconds"])
    for name in ("api", "action", "account", "format", "outcome"):
        setattr(seen, name, shown[name])
    seen.rows, seen.bytes = int(shown["rows"]), int(shown["bytes"])
    assert str(seen) == line
    assert datetime.fromisoformat(when.replace(",", ".")) < datetime(2027, 1, 1)
