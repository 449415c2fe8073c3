"""Supervision gateway: anchors advisors' calls so that clinicians can listen, whisper, barge in and take
over.
"""

__version__ = "0.1.0"
