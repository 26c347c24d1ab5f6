"""Upkeep of a memory: erasure, provenance, rebuild, export, migration, doctor."""
