"""The public profile: each corpus has an import, a place in stage `clean`, and a name for each source."""

from pathlib import PurePosixPath

from ruamel.yaml import YAML

from newsdesk.base.settings import read_settings
from tests import ROOT

PUBLIC = ROOT / "data/public"


def load(path: str) -> dict:
    return YAML(typ="safe", pure=True).load((ROOT / path).read_text(encoding="utf-8"))


def test_each_import_is_read_by_clean_and_the_other_way_round() -> None:
    outs = {load(f"data/public/{path.name}")["outs"][0]["path"] for path in PUBLIC.glob("*.dvc")}
    folders = {PurePosixPath(out).parts[0] for out in outs}
    stage = load("profiles/public/dvc.yaml")["stages"]["clean"]
    prefix = "../../data/public/"
    assert {dep.removeprefix(prefix) for dep in stage["deps"] if dep.startswith(prefix)} == folders
    words = stage["cmd"].split()
    assert {word.removeprefix(prefix) for word in words if word.startswith(prefix)} == folders


def test_imports_are_pinned() -> None:
    for path in PUBLIC.glob("*.dvc"):
        content = load(f"data/public/{path.name}")
        repo = content["deps"][0]["repo"]
        assert content["frozen"], path
        assert repo["url"].startswith("https://github.com/"), path
        assert repo["rev"] == repo["rev_lock"], path
        assert len(repo["rev"]) == 40, path


def test_entries_of_the_settings_are_corpora_with_named_sources() -> None:
    corpora = read_settings(ROOT / "profiles/public/params.yaml").corpora
    deps = load("profiles/public/dvc.yaml")["stages"]["clean"]["deps"]
    rows = (ROOT / "data/sources.tsv").read_text(encoding="utf-8").splitlines()
    sources = {row.partition("\t")[0] for row in rows[1:]}
    for name, corpus in corpora.items():
        assert f"../../data/public/{name.partition('/')[0]}" in deps
        assert corpus.fields["source"] in sources
