"""The Retrieval module of the paper (§3.4)."""
