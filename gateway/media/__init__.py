"""The media engine by call and leg name: the only importer of `native`."""

from gateway.media.engine import MediaEngine

__all__ = ["MediaEngine"]
