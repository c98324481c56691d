"""A model of the server in memory, for test_state_machine.py."""
