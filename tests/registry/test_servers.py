"""From `track` to the loaded champion, on servers as teams run them, and what a server that refuses says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.gateway import gateway, make_certificate
from tests.small_project import make_project
from tests.stores import mlflow_server as start_server

pytestmark = pytest.mark.integration
TOKEN = "token-of-tests"
TEXTS = ["رفع المصرف المركزي الأوروبي سعر الفائدة لكبح التضخم في منطقة اليورو"]


@dataclass(frozen=True)
class Client:
    """A folder with the files of a finished pipeline, and the variables with which its commands reach a server."""

    folder: Path
    env: dict[str, str]

    def __call__(self, *arguments: str, **extra: str) -> str:
        done = invoke(*arguments, cwd=self.folder, **self.env | extra)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str, **extra: str) -> str:
        """The error of a command, which has one line."""
        done = invoke(*arguments, cwd=self.folder, **self.env | extra)
        assert done.returncode == 2, done.stdout + done.stderr
        return done.stderr.splitlines()[-1]


def client_of(address: str, folder: Path, **variables: str) -> Client:
    """A client of a server, which does not try again what fails."""
    env = {"MLFLOW_TRACKING_URI": address, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    return Client(folder, env | variables)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("servers") / "project")
    shutil.copytree(folder / "made", folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(params=["postgresql", "token", "certificate", "any certificate"])
def client(
    request: pytest.FixtureRequest, mlflow_server: str, pipeline: Path, tmp_path: Path
) -> Iterator[Client]:
    """A client of the server on PostgreSQL that serves artifacts: directly, or through a gateway."""
    kind, pem = request.param, make_certificate(tmp_path / "server.pem")
    if kind == "postgresql":
        yield client_of(mlflow_server, pipeline)
        return
    token, certificate = (TOKEN, None) if kind == "token" else (None, pem)
    variables = {
        "token": {"MLFLOW_TRACKING_TOKEN": TOKEN},
        "certificate": {"MLFLOW_TRACKING_SERVER_CERT_PATH": str(pem)},
        "any certificate": {"MLFLOW_TRACKING_INSECURE_TLS": "true"},
    }[kind]
    with gateway(mlflow_server, token=token, certificate=certificate) as address:
        yield client_of(address, pipeline, **variables)


def load_and_predict(client: Client, name: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Topics by the champion, as MLflow alone loads it."""
    import mlflow

    for variable, value in client.env.items():
        monkeypatch.setenv(variable, value)
    mlflow.set_tracking_uri(None)
    model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    return list(model.predict(TEXTS).loc[0, "topics"])


def test_from_the_run_to_the_loaded_champion(
    client: Client, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = request.node.callspec.id.replace(" ", "-")
    client("track")
    assert client("register", "--name", name) == f"models:/{name}/1\n"
    client("promote", "--name", name, "--reason", "first")
    assert " first " in client("history", "--name", name)
    assert load_and_predict(client, name, monkeypatch) == ["economy"]


def test_a_missing_token_and_a_certificate_that_is_not_trusted(
    mlflow_server: str, pipeline: Path, tmp_path: Path
) -> None:
    client = Client(pipeline, {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"})
    with gateway(mlflow_server, token=TOKEN) as address:
        message = client.refused("track", MLFLOW_TRACKING_URI=address)
    assert "the server requires an account: set MLFLOW_TRACKING_USERNAME and" in message
    assert "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN" in message
    with gateway(mlflow_server, certificate=make_certificate(tmp_path / "server.pem")) as address:
        message = client.refused("track", MLFLOW_TRACKING_URI=address)
    assert "the certificate of the server is not trusted: name its file in MLFLOW_TRACKING_SERVER" in message


# -- artifacts in S3, which moto plays -------------------------------------------------------------------

BUCKET = "artifacts"
# options before the place of artifacts, by who reads and writes them
PLACE = {
    "server": ("--artifacts-destination",),
    "client": ("--no-serve-artifacts", "--default-artifact-root"),
}


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """The variables by which clients find a store like S3 that has an empty bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address, key, region = f"http://{host}:{port}", "of tests", "us-east-1"
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=key, region_name=region)
    session.client("s3", endpoint_url=address).create_bucket(Bucket=BUCKET)
    yield {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": key,
        "AWS_DEFAULT_REGION": region,
        "MLFLOW_S3_ENDPOINT_URL": address,
    }
    server.stop()


@pytest.mark.parametrize("who", PLACE)
def test_artifacts_in_s3(
    who: str, s3: dict[str, str], pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read and written by the server for its clients, or by the clients themselves."""
    options = (*PLACE[who], f"s3://{BUCKET}/{who}")
    with start_server(tmp_path / "mlflow", f"sqlite:///{tmp_path}/mlflow.db", *options, **s3) as address:
        client = client_of(address, pipeline, **(s3 if who == "client" else {}))
        client("track")
        client("register")
        client("promote", "--reason", "first")
        assert load_and_predict(client, "newsdesk", monkeypatch) == ["economy"]


def test_s3_that_refuses_is_named(s3: dict[str, str], pipeline: Path, tmp_path: Path) -> None:
    options = (*PLACE["client"], "s3://missing/here")
    with start_server(tmp_path / "mlflow", f"sqlite:///{tmp_path}/mlflow.db", *options, **s3) as address:
        message = client_of(address, pipeline, **s3).refused("track")
    assert "check the address, the account and the bucket of S3" in message


# -- accounts: MLflow's own ------------------------------------------------------------------------------

ADMIN, PASSWORD = "admin", "password-of-tests"


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server on which nobody may read what another account has made."""
    folder = tmp_path_factory.mktemp("accounts")
    settings = folder / "basic_auth.ini"
    settings.write_text(
        f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = sqlite:///{folder}/accounts.db\n"
        f"admin_username = {ADMIN}\nadmin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    variables = {"MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": "of tests"}
    database, options = f"sqlite:///{folder}/mlflow.db", ("--app-name", "basic-auth")
    with (
        start_server(folder, database, *options, **variables) as address,
        pytest.MonkeyPatch.context() as env,
    ):
        from mlflow.server import get_app_client

        env.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
        env.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
        server = get_app_client("basic-auth", tracking_uri=address)
        for user in ("salma", "omar"):
            server.create_user(user, f"{PASSWORD}-{user}")
        yield address


def account(address: str, folder: Path, user: str, password: str) -> Client:
    return client_of(address, folder, MLFLOW_TRACKING_USERNAME=user, MLFLOW_TRACKING_PASSWORD=password)


def test_accounts_and_permissions(accounts: str, pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    salma = account(accounts, pipeline, "salma", f"{PASSWORD}-salma")
    salma("track")
    salma("register")
    salma("promote", "--reason", "first")
    assert " salma " in salma("history"), "the account, not the user of this machine"
    assert os.environ.get("USER", "root") + "@" not in salma("history")
    assert load_and_predict(salma, "newsdesk", monkeypatch) == ["economy"]
    omar = account(accounts, pipeline, "omar", f"{PASSWORD}-omar")
    hidden = "the server shows no registered model 'newsdesk{}' to the account 'omar'"
    assert hidden.format(".ledger") in omar.refused("history")
    assert hidden.format(".ledger") in omar.refused("rollback", "--reason", "why not")
    assert hidden.format("") in omar.refused("promote")
    assert hidden.format("") in omar.refused("card", "1")
    assert "the account 'omar' has no permission for /api/" in omar.refused("track")
    stranger = account(accounts, pipeline, "salma", "wrong")
    message = stranger.refused("history")
    assert "the server does not accept the account 'salma': check MLFLOW_TRACKING_USERNAME and" in message
