"""Reading and inserting messages, and changes of their status.

Read history.py, listing.py with list_pages.py and listing_sql.py, exports.py; then
inserter.py with free_ids.py, statuses.py, delivery_reports.py, counts.py.
"""
