"""Retention (old messages and texts) and erasure (of a phone number).

Read retention.py; erasure.py, erasure_scan.py, erased_numbers.py.
"""
