"""Words, terms and dates of texts: pure rules.  Languages are data, in TOML files."""
