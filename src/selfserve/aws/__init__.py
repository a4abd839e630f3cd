"""The narrow seam to AWS: sessions, S3, error texts, and EMR's published request rules."""
