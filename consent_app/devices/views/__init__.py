"""The pages of this room: `mine` for everybody, the others for IT."""
