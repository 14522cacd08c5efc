"""Where the pages of this room stand; `portal/urls.py` includes them."""
