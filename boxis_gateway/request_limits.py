"""Limits of what a request of either API may contain."""

from __future__ import annotations

MAX_FIELDS = 20_000
MAX_NAME_BYTES = 4_096
MAX_VALUE_BYTES = 524_288  # twice the size of ten thousand recipients
