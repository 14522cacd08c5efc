"""Browser input of this room: a module per page group."""
