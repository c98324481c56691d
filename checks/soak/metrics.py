"""The server's own metrics, compared with the counts of the clients."""

from __future__ import annotations

from collections import Counter

from checks.soak.clients import Soak

NEVER = ("failed", "aborted", "unavailable")
COMPARED = ("success", "limited", "refused")
UNKNOWN = ("left", "cut off")  # of clients that did not read their answer


def contradictions(soak: Soak, counted: Counter[str]) -> list[str]:
    """Outcomes that clients and server count differently; the server may count a client that left
    under any of them."""
    seen: Counter[str] = Counter()
    for (_, outcome), count in soak.counted.items():
        seen["unknown" if outcome in UNKNOWN else outcome] += count
    wrong = [f"the server counts {counted[name]} {name}" for name in NEVER if counted[name]]
    for name in COMPARED:
        if not seen[name] <= counted[name] <= seen[name] + seen["unknown"]:
            wrong.append(f"{name}: the clients count {seen[name]}, the server {counted[name]}")
    return wrong
