"""What EMR refuses of well-formed requests; `rules.py` is the way in."""
