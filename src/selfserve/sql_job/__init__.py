"""One SQL statement as a PySpark job: runs on the cluster, below our runner.

Shipped as a job's own code under its own name (see `usecases.sql.steps.job`), so these
modules use no syntax newer than Python 3.7, and nothing of selfserve but each other.

    __main__   the order of things: the statement, its rows to S3, then how it went
    order      what is to be done, as JSON from the client
    columns    names and types of a result, and what of it Parquet cannot hold
    watch      how far Spark is, and what it has read
    objects    small objects in S3, through the JVM's Hadoop file system
"""
