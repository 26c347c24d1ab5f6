"""Words of a text: tokens, terms, sentences and dates. Pure functions, no I/O."""
