"""What stores call: no session, no page; a signature by their key."""
