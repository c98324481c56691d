"""Failover: clients at a gateway whose PostgreSQL server is killed. Every acknowledged write has to
be there afterwards. `make failover`; docs/failover-measurements.md has a run. citus.py kills Citus
workers."""
