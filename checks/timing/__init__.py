"""Whether time tells what answers don't: if an unknown user, a wrong code, a disabled account and a
foreign network take differently long.

asked.py has the store and the requests, compare.py the statistics, __main__.py the run.
"""
