"""What the claims of this project are measured with; run from a checkout, not installed."""
