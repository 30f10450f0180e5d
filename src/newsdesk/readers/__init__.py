"""Read articles from files, folders and standard input in any supported format."""

from newsdesk.readers.dispatch import read
from newsdesk.readers.options import Limits

__all__ = ["Limits", "read"]
