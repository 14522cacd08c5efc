"""The addresses of this room: `preferences` for everybody, `stops` for the programme."""
