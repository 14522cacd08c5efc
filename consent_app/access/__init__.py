"""The right of access: everything that is held about a person, in one file for that person."""
