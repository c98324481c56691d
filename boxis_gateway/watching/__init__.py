"""What is known of requests while they are answered, and who is told of it at the end.

Read seen.py (what is known of one) and watch.py (when it is told), then who is told: the log
(logs.py), metrics.py, traces.py. The doors fill a `Seen` in; watch_door.py shows the metrics.
"""

from boxis_gateway.watching.seen import Seen, seen_in, seen_of
from boxis_gateway.watching.watch import Watch

__all__ = ["Seen", "Watch", "seen_in", "seen_of"]
