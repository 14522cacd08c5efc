"""The addresses of this room: `mine` for everybody, `fleet` for IT."""
