"""The pages of this room: my data, and incidents of the programme."""
