"""HTTP server for a WSGI application: gunicorn's processes, asyncio.

Reading order: guest.py (what it serves), processes.py (start, stop), worker.py (one process),
state.py, connection.py (one client), requests.py (bytes to requests), wsgi.py (requests to WSGI and
back), turns.py (scheduling of long answers).
"""

from boxis_gateway.server.descriptors import fit_connections
from boxis_gateway.server.guest import Guest, ListenAddress
from boxis_gateway.server.processes import Server

__all__ = ["Guest", "ListenAddress", "Server", "fit_connections"]
