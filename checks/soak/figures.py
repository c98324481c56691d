"""What the server says of itself: its metrics, held against what the clients have counted."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from checks.soak.clients import Soak

NEVER = ("failed", "aborted", "unavailable")
COUNTED = ("success", "limited", "refused")
GONE = ("left", "cut off")  # clients that do not know what they would have been answered


def figures(log: Path) -> Counter[str]:
    """Requests by outcome since the server's start; what is said of them comes a second late."""
    found = re.search(r"serves metrics at (http://\S+)", log.read_text(errors="replace"))
    assert found
    with urlopen(found[1], timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    counted: Counter[str] = Counter()
    for family in families:
        for sample in family.samples:
            if sample.name == "boxis_gateway_requests_total":
                counted[sample.labels["outcome"]] += int(sample.value)
    return counted


def contradictions(soak: Soak, said: Counter[str]) -> list[str]:
    """Where the clients and the server count differently; who left may be in any of its counts."""
    ours: Counter[str] = Counter()
    for (_, outcome), count in soak.counted.items():
        ours["gone" if outcome in GONE else outcome] += count
    wrong = [f"the server says {said[name]} {name}" for name in NEVER if said[name]]
    for name in COUNTED:
        if not ours[name] <= said[name] <= ours[name] + ours["gone"]:
            wrong.append(f"{name}: the clients count {ours[name]}, the server {said[name]}")
    return wrong
