"""Read articles from files, folders and standard input, whatever their format."""

from newsdesk.readers.dispatch import read
from newsdesk.readers.limits import Limits

__all__ = ["Limits", "read"]
