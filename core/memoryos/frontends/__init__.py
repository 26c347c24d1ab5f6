"""Ways in for people and other programs: command line, published package, importers, cards."""
