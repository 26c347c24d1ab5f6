"""What the rules know a fact by: patterns and word lists of three languages."""
