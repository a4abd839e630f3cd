"""The sweep in AWS Lambda: what runs when nobody's laptop does.

An entry point beside `cli`. It may import no package that Lambda's Python lacks, so
nothing but the standard library and botocore; `usecases/sweep_install.py` packs it.
"""
