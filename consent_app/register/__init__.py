"""What is collected: applications, data kinds, safeguards."""
