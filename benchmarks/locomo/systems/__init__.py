"""The memories that are compared: each reads the same pages and is asked the same questions."""
