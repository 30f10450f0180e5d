"""The gazetteer of the project, read once a process."""

from functools import cache

from newsdesk.base.normalization import Normalization
from newsdesk.base.taxonomy import read_taxonomy
from newsdesk.features.gazetteer_tables import read_places
from newsdesk.inference.gazetteer import Gazetteer
from tests import ROOT


@cache
def read_gazetteer() -> Gazetteer:
    """Read the gazetteer of the project with the default normalization."""
    return read_places(ROOT / "data/places", read_taxonomy(ROOT / "data/taxonomy.yaml"), Normalization())
