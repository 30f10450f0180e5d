"""Access to an MLflow server: the account, and what to do if the server refuses it or is not trusted."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

ACCOUNT_VARIABLES = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
ENDPOINT = re.compile(r"endpoint (\S+)")


def server_account(uri: str) -> str | None:
    """Return the user name that MLflow sends to the server at a URI, None if it sends none.

    It is that of the URI, else of the variables, else of `~/.mlflow/credentials`.
    """
    from mlflow.utils.credentials import read_mlflow_creds

    parts, stored = urlsplit(uri), read_mlflow_creds()
    if parts.scheme not in ("http", "https"):
        return None
    if parts.username:
        return unquote(parts.username)
    return stored.username if stored.username and stored.password else None


def describe_refusal(error: Exception, uri: str) -> str | None:
    """Describe an error of an account, a permission or a certificate, None for another error.

    Parameters
    ----------
    error : Exception
        Of MLflow, or of Requests where an artifact is read or written.
    uri : str
        Of the store.
    """
    status, account = _http_status(error), server_account(uri)
    if status == 401 and account is None:
        return f"the server requires an account: set {ACCOUNT_VARIABLES}"
    if status == 401:
        return f"the server does not accept the account {account!r}: check {ACCOUNT_VARIABLES}"
    if status == 403:
        endpoint = ENDPOINT.search(str(error))
        action = f" for {endpoint[1]}" if endpoint else ""
        who = f"the account {account!r}" if account else "this account"
        return f"{who} has no permission{action}: ask an administrator of the server for it"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return (
            "the certificate of the server is not trusted: name its file in MLFLOW_TRACKING_SERVER_CERT_PATH,"
            " or set MLFLOW_TRACKING_INSECURE_TLS=true"
        )
    return None


def _http_status(error: Exception) -> int | None:
    """Return the status of the response that an error is due to."""
    from mlflow.exceptions import MlflowException

    if isinstance(error, MlflowException):
        return int(error.get_http_status_code())  # type: ignore[no-untyped-call]
    return getattr(getattr(error, "response", None), "status_code", None)
