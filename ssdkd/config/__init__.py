"""Names, composition and reading of configs."""
