"""What may not be kept: secrets in text, and files that are excluded."""
