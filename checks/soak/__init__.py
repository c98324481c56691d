"""Soak: clients of every kind at a server of two processes, for as long as wanted.

accounts.py has the store and the right answers, clients.py and misbehaving.py the clients,
resources.py the memory and descriptors of the server, metrics.py its own counts, __main__.py the
run and its verdict.
"""
