"""Whole stores: copy, back up, restore, verify."""
