"""The Generation module of the paper (§3.5): what a recall shows, and answers made of it."""
