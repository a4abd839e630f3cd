"""What runs on the cluster around the user's job; standard library and py4j only.

Shipped as one zip archive under the name `selfserve_runner` (see
`usecases.packages.packaging`), so these modules import each other relatively and use no
syntax newer than Python 3.7, the oldest that EMR's PySpark runs on.

    driver        Spark's entry point: prepare, supervise, record
    preparation   submission.json, archives and secrets become an environment
    supervision   the job's process, and what may end it
    output        its two streams, read and redacted; `shipping` brings them to S3
    job, program  the job's own process: become the user's program
    failure       what ended it, as data; `java` finds the cause inside the JVM
    storage       what is needed of S3; `hadoop` is the real one
"""
