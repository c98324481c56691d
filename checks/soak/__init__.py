"""A soak: clients of every kind at a server of two processes, for as long as you like.

world.py has the store and what answers are right, clients.py and rude.py the clients, watch.py what
is looked at in the meantime, __main__.py the run and its verdict.
"""
