"""What a config is called, and what it may say."""
