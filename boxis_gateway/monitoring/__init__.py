"""What is known of requests while they are answered, and who is told of it at the end.

Reading order: request_record.py (facts about one request), monitor.py (when it is recorded), then
the outputs: metrics.py, traces.py, logs.py; endpoint.py serves the metrics and health.
"""

from boxis_gateway.monitoring.monitor import Watch
from boxis_gateway.monitoring.request_record import Seen, seen_in, seen_of

__all__ = ["Seen", "Watch", "seen_in", "seen_of"]
