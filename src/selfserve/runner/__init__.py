"""What runs on the cluster around the user's job; standard library and py4j only.

Shipped as one zip archive under the name `selfserve_runner` (see
`usecases.packaging`), so these modules import each other relatively and use no
syntax newer than Python 3.7, the oldest that EMR's PySpark runs on.
"""
