"""How the memory looks in a notebook: HTML cards and matplotlib figures."""
