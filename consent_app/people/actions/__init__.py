"""The writes of this room: jurisdictions and people come in as files, whole or not at all."""

from consent_app.people.actions.directory import DirectoryChange, import_directory
from consent_app.people.actions.jurisdictions import load_jurisdictions

__all__ = ["DirectoryChange", "import_directory", "load_jurisdictions"]
