"""An HTTP server: gunicorn's processes, asyncio's sockets, and any WSGI application as its guest.

Reading order: guest.py (what it serves), processes.py (start, stop), worker.py (one process),
state.py, connection.py (one client), requests.py and wsgi.py (HTTP's bytes to WSGI and back),
turns.py (scheduling of long answers).
"""

from boxis_gateway.server.guest import Guest, ListenAddress
from boxis_gateway.server.processes import Server

__all__ = ["Guest", "ListenAddress", "Server"]
