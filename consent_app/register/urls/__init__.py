"""The addresses of this room: `drafts` for the owner, `review` for legal, `versions` for all."""
