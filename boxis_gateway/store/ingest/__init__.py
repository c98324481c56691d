"""Adding imported messages, and positions in followed logs.

Read additions.py, duplicates.py, bulk_submissions.py.
"""
