"""Home features: what the country of an article's source says about its regions, given the places it names.

They are functions of the place features and of the region of the home country, computed in one place for the
plain and the compiled path, and 0 for an article without a home.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .decision import FloatArray
from .mentions import place_feature_names

HOME_NAMES = ("home_named", "home_unnamed", "home_no_place")
NO_HOME = -1

IntArray = np.ndarray[Any, np.dtype[np.intp]]


def home_feature_names(regions: Sequence[str]) -> list[str]:
    """List the names of the columns of `home_features`, the same ones for each region."""
    return [f"{region}:{name}" for region in regions for name in HOME_NAMES]


def home_values(places: FloatArray, homes: IntArray, n_regions: int) -> FloatArray:
    """Compute the values of `HOME_NAMES` for articles with a home, shape (n_articles, n_home_names).

    Each is 0 or 1: title and lead name the home region (`home_named`) or no place (`home_unnamed`), and the
    whole article names no place (`home_no_place`). All are 0 if title and lead name only other regions. A
    city that opens the text does not count, as in the shares of `mentions.place_features`.

    Parameters
    ----------
    places : ndarray of shape (n_articles, n_place_features)
        The values of `mentions.place_features`.
    homes : int ndarray of shape (n_articles,)
        The number of the region of the home country.
    n_regions : int
    """
    names = [name.removeprefix(":") for name in place_feature_names([""])]
    by_region = places.reshape(len(places), n_regions, len(names))
    title, lead, share = (by_region[:, :, names.index(n)] for n in ("title_count", "lead_count", "share"))
    early = title + lead > 0
    values = early[np.arange(len(places)), homes], ~early.any(axis=1), ~share.any(axis=1)
    return np.stack(values, axis=1).astype(np.float64)


class HomeCountries:
    """The countries of a taxonomy, by code, and the number of their region."""

    def __init__(self, taxonomy: Mapping[str, Any]) -> None:
        regions = taxonomy.get("regions", ())
        self.regions = tuple(region["id"] for region in regions)
        self._number = dict.fromkeys(taxonomy.get("unassigned", ()), NO_HOME)
        for number, region in enumerate(regions):
            self._number |= dict.fromkeys(region["countries"], number)

    def is_known(self, code: str) -> bool:
        """Return whether a code is that of a country, in capitals or not."""
        return code.strip().upper() in self._number

    def number(self, code: str | None) -> int:
        """Return the number of the region of a country; `NO_HOME` for None and a country without a region.

        Raises
        ------
        ValueError
            If the taxonomy has no such country.
        """
        if code is None:
            return NO_HOME
        if not isinstance(code, str) or not self.is_known(code):
            raise ValueError(f"home: expected the ISO 3166-1 code of a country, such as DZ, found {code!r}")
        return self._number[code.strip().upper()]

    def known(self, codes: Iterable[str | None], *, default: str | None = None) -> list[str | None]:
        """Replace codes that are no country by the default."""
        found = {code: code if code and self.is_known(code) else default for code in set(codes)}
        return [found[code] for code in codes]

    def numbers(self, codes: Iterable[str | None]) -> IntArray:
        """Return the numbers of the regions of countries, shape (n_codes,)."""
        return np.array([self.number(code) for code in codes], dtype=np.intp)


class HomeBlock:
    """The coefficients of the home features of a model.

    Parameters
    ----------
    coef : ndarray of shape (n_regions * n_home_names, n_labels)
    n_regions : int
    """

    def __init__(self, coef: np.ndarray[Any, Any], n_regions: int) -> None:
        self._n_regions = n_regions
        self._coef = coef.reshape(n_regions, len(HOME_NAMES), coef.shape[1])

    def products(self, places: FloatArray, homes: IntArray) -> FloatArray:
        """Return value times coefficient of the columns of each article's home region.

        Parameters
        ----------
        places, homes
            As in `home_values`.

        Returns
        -------
        ndarray of shape (n_articles, n_home_names, n_labels)
        """
        values = home_values(places, homes, self._n_regions)
        return np.asarray(values[:, :, None] * self._coef[homes])

    def add(self, scores: FloatArray, places: FloatArray, homes: IntArray) -> None:
        """Add the home features of articles to their linear scores, column by column."""
        rows = np.flatnonzero(homes != NO_HOME)
        if rows.size:
            products = self.products(places[rows], homes[rows])
            for k in range(products.shape[1]):
                scores[rows] += products[:, k]
