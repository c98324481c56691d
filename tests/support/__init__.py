"""Helpers of the tests; no module here has a test in it."""
