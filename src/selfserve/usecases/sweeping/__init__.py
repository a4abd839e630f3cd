"""What a sweep does with each cluster; `usecases/sweep.py` is the whole."""
