"""The reference device agent of Consent Portal.

Holds the newest signed policy of one device, proves to the portal what it applied, and answers
one question for the capturing software: may this be captured now? Capturing itself is not here.
"""

__version__ = "0.1.0"
