"""Acceptance checks over a real server: `make soak`, `make failover`, `make timing`.

soak/ compares every answer under mixed load, failover/ kills PostgreSQL servers under load, timing/
compares the response times of refusals. Each ends with 1 if anything is wrong.
"""
