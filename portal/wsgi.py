"""Serves the pages in production, where WSGI is several times faster; see docs/operations.md."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
pages = get_wsgi_application()

# E402: what follows needs the settings.
from portal.lib.keys import refuse_programme_key  # noqa: E402
from portal.lib.limited_bodies import LimitedWsgiBodies  # noqa: E402

refuse_programme_key()
application = LimitedWsgiBodies(pages)
