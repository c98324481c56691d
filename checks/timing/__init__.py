"""Timing: an unknown user, a wrong code, a disabled account and a foreign network are refused with
the same text; this compares their response times.

refusals.py has the store and the requests, compare.py the statistics, __main__.py the run.
"""
