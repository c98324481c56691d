"""What clients see of a server of the store that is killed: every write that was acknowledged has
to be there afterwards. `make failover`; docs/failover-measurements.md has such a run."""
