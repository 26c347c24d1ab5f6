"""Storage (paper §3.2): the journal and what is derived from it, behind one protocol."""
