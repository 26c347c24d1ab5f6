"""The Storage module of the paper (§3.2): journal, records, stores."""
