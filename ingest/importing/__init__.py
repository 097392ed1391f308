"""What readers found, published as runs."""
