"""The HTTP server: gunicorn's processes, asyncio's sockets, and the WSGI application in between.

Read in this order: processes.py (start, stop), worker.py (one process), connection.py (one client),
requests.py and wsgi.py (the bytes of HTTP, what WSGI makes of them), turns.py (who goes first).
"""

from boxis_gateway.server.processes import Server

__all__ = ["Server"]
