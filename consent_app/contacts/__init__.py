"""People outside the programme whom it must not touch: protected contacts, look-ups, objections."""
