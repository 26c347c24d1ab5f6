"""The Updating module of the paper (§3.3): filing, promotion, eviction."""
