"""What runs on the cluster around the user's job. Standard library and py4j only."""
