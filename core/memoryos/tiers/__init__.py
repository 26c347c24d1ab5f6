"""Pure rules of the tiers: no database, network, thread or clock; `now` is passed in."""
