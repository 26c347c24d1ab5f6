"""Analysts read pages and draft segments, summaries, facts and traits; they decide nothing."""
