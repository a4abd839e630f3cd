"""The ways to engines, and who finds them."""
