"""Messages as they are read: history, lists, exports; statuses and delivery reports."""
