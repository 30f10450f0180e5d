"""The coefficients of home features: what the home of a source adds to the log-odds of the region head."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize

from newsdesk.inference.home import HOME_NAMES
from newsdesk.training.calibration import sigmoid
from newsdesk.training.targets import BoolArray, FloatArray

HOME_TASK = "region"
RIDGE = 3.0  # half the sum of squares of the weights, times this, is added to the log loss
DIGITS = 6  # of a weight, so that it is the same whatever the order of sums


def fit_home(values: sp.csr_matrix, log_odds: FloatArray, y: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Fit the weights of the home features, given the log-odds without them.

    Homes of training articles lie in few regions, so all regions share two weights of a feature: one for the
    label that is the home region, and one for each other label. Both are fitted by a logistic regression with
    the log-odds as fixed offset and a ridge penalty.

    Parameters
    ----------
    values : sparse matrix of shape (n_articles, n_regions * n_home_names)
        The `inference.home` features; an article whose values are all 0 is left out.
    log_odds : ndarray of shape (n_articles, n_regions)
        Calibrated log-odds by a classifier that did not read the outlet; NaN is left out.
    y : bool ndarray of shape (n_articles, n_regions)

    Returns
    -------
    own, other : ndarray of shape (n_home_names,)
        The weights for the label that is the home region, and for another label; 0 without any article.
    """
    by_region = values.toarray().reshape(len(y), y.shape[1], len(HOME_NAMES))
    is_home = by_region.any(axis=2)
    used = is_home.any(axis=1)[:, None] & ~np.isnan(log_odds)
    of_article = by_region.sum(axis=1)
    own = _fit_weights(of_article, log_odds, y, used & is_home)
    return own, _fit_weights(of_article, log_odds, y, used & ~is_home)


def home_coef(own: FloatArray, other: FloatArray, slope: FloatArray) -> FloatArray:
    """Return the coefficients of the home features, which times `slope` are the weights.

    Parameters
    ----------
    own, other : ndarray of shape (n_home_names,)
        The weights of `fit_home`.
    slope : ndarray of shape (n_regions,)
        A label of slope 0, whose probability is the same for all articles, gets coefficients 0.

    Returns
    -------
    ndarray of shape (n_regions, n_regions * n_home_names)
    """
    n = len(slope)
    weights = np.where(np.eye(n, dtype=bool)[:, :, None], own, other).reshape(n, -1)
    return np.divide(weights, slope[:, None], out=np.zeros_like(weights), where=slope[:, None] != 0)


def _fit_weights(values: FloatArray, log_odds: FloatArray, y: BoolArray, used: BoolArray) -> FloatArray:
    """Fit one logistic regression on the pairs of an article and a label of a mask."""
    articles, labels = np.nonzero(used)
    X, offset, truth = values[articles], log_odds[articles, labels], y[articles, labels]
    if not len(X):
        return np.zeros(values.shape[1])
    sign = np.where(truth, -1.0, 1.0)

    def loss(beta: FloatArray) -> tuple[float, FloatArray]:
        z = offset + X @ beta
        gradient = X.T @ (sigmoid(z) - truth) + RIDGE * beta
        return float(np.logaddexp(0.0, sign * z).sum() + RIDGE / 2 * beta @ beta), gradient

    def hessian(beta: FloatArray) -> FloatArray:
        p = sigmoid(offset + X @ beta)
        return np.asarray((X * (p * (1 - p))[:, None]).T @ X + RIDGE * np.eye(len(beta)))

    start = np.zeros(values.shape[1])
    found = minimize(loss, start, jac=True, hess=hessian, method="trust-exact", options={"gtol": 1e-8})
    return np.asarray(np.round(found.x, DIGITS))
