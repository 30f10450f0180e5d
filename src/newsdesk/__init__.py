"""newsdesk files Arabic news by region and topic."""

__version__ = "0.1.0"
