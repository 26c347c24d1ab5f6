"""What keeps a memory right: erasure, provenance, rebuild, export, migration, checks."""
