"""A second server, of plain lists: what the whole of ours is compared with. It is slow, remembers
everything in memory, and shares no code with what it checks but names of words. Read stored.py
(what imports, reports and erasures make), form_api.py and rest_api.py (what each api answers),
then world.py (both side by side)."""
