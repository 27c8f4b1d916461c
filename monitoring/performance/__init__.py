"""What the answers were worth, as far as the truth has become known."""
