"""Transfer of whole stores: copy, backup, restore, verify.

Read row_blocks.py (what is compared), load.py (rows into a store), then the four commands.
"""
