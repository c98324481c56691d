"""Monitoring: log lines, Prometheus metrics, traces, health checks.

Reading order: request_record.py (facts about one request), monitor.py (records its end), then the
outputs: metrics.py, traces.py, logs.py; endpoint.py serves the metrics and health.
"""

from boxis_gateway.monitoring.monitor import Monitor
from boxis_gateway.monitoring.request_record import RequestRecord, get_record

__all__ = ["Monitor", "RequestRecord", "get_record"]
