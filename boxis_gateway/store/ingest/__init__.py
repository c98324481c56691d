"""Adding imported messages: duplicates, ids, rows; and positions in followed logs.

Read additions.py, duplicates.py, bulk_submissions.py.
"""
