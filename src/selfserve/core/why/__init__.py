"""Why something failed: rules over evidence. Pure.

`rules.py` loads the rules of `rules/*.yaml`, `diagnose.py` chooses the one that
explains the evidence, and `verdict.py` is what comes of it.
"""
