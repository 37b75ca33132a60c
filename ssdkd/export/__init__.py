"""Trained students and stored samples as files for other programs."""
