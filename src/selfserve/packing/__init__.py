"""Turn the user's files and requirements into archives that can be shipped."""
