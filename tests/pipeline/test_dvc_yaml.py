"""The pipeline files: what a stage depends on, and that the profiles have the same stages."""

from functools import cache
from pathlib import Path

import grimp
import pytest
from ruamel.yaml import YAML

from newsdesk.reproducibility.rerun import show_profiles
from tests import ROOT
from tests.checkouts import copy_checkout
from tests.commands import run

SOURCE = ROOT / "src"
PROFILES = {
    "starter": ROOT / "dvc.yaml",
    "public": ROOT / "profiles/public/dvc.yaml",
    "unseen": ROOT / "profiles/unseen/dvc.yaml",
}


@cache
def read_stages(profile: str) -> dict:
    stages = YAML(typ="safe", pure=True).load(PROFILES[profile].read_text(encoding="utf-8"))["stages"]
    return {name: stage.get("do", stage) for name, stage in stages.items()}


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("newsdesk", exclude_type_checking_imports=True)


def imported_files(imports: grimp.ImportGraph, stage: str) -> set[Path]:
    """The files that a stage's module imports, directly or not, with itself.

    Importing `newsdesk.a.b` also runs the `__init__.py` of `newsdesk.a`. That of `newsdesk` imports nothing, that
    of `newsdesk.pipeline` only from `newsdesk.base`; they count only where a module imports a name from them.
    """
    found: set[str] = set()
    queue = [stage]
    while queue:
        module = queue.pop()
        if module not in found:
            found.add(module)
            queue += imports.find_modules_directly_imported_by(module)
            parent = module.rpartition(".")[0]
            if parent not in ("", "newsdesk", "newsdesk.pipeline"):
                queue.append(parent)
    stems = [SOURCE / module.replace(".", "/") for module in found]
    return {stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py") for stem in stems}


def outputs(stage: dict) -> set[str]:
    listed = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
    return {next(iter(out)) if isinstance(out, dict) else out for out in listed}


@pytest.mark.parametrize(("profile", "name"), [(p, name) for p in PROFILES for name in read_stages(p)])
def test_code_deps_are_what_the_stage_imports(imports: grimp.ImportGraph, profile: str, name: str) -> None:
    stage = read_stages(profile)[name]
    module = stage["cmd"].split()[2]
    assert module.startswith("newsdesk.pipeline.")
    files = imported_files(imports, module)
    paths = [(PROFILES[profile].parent / dep).resolve() for dep in stage["deps"]]
    listed = [path for path in paths if SOURCE in path.parents]
    covered = {path: {file for file in files if path in (file, *file.parents)} for path in listed}
    assert {str(file.relative_to(SOURCE)) for file in files.difference(*covered.values())} == set(), "missing"
    assert [str(path.relative_to(SOURCE)) for path in listed if not covered[path]] == [], "not imported"


def test_profiles_have_the_same_stages() -> None:
    """The public profile has other corpora and paths, and each stage of its shipped model once more."""
    starter, public = read_stages("starter"), read_stages("public")
    twins = ["featurize_all", "train_all", "package_all", "fidelity_all"]
    assert [*starter, *twins] == list(public)
    for name in twins[:3]:
        assert public[name]["params"] == public[name.removesuffix("_all")]["params"], name
    for name in starter:
        assert starter[name]["params"] == public[name]["params"], name
        assert outputs(starter[name]) == outputs(public[name]), name


@pytest.mark.parametrize("profile", ["starter", "public"])
def test_the_receipt_is_not_cached(profile: str) -> None:
    """With a cached receipt, DVC would skip `track` for the second of two equal experiments: no MLflow run."""
    assert read_stages(profile)["track"]["outs"] == [{"metrics/receipt.json": {"cache": False}}]


@pytest.mark.integration
def test_dvc_sees_the_profiles_only_if_asked(tmp_path: Path) -> None:
    """Their outputs need corpora that few checkouts have: `dvc pull` and `dvc exp apply` would fail on them."""
    copy_checkout(tmp_path)

    def stages() -> set[str]:
        listed = run("dvc", "stage", "list", "--all", "--name-only", cwd=tmp_path)
        assert listed.returncode == 0, listed.stderr
        return {name.partition("@")[0].rpartition("/")[2] for name in listed.stdout.split()}

    starter = set(read_stages("starter"))
    assert stages() == starter
    show_profiles(tmp_path)
    profiles = {f"dvc.yaml:{name}" for profile in ("public", "unseen") for name in read_stages(profile)}
    assert stages() == starter | profiles
    assert run("git", "status", "--porcelain", cwd=tmp_path).stdout == "", "git ignores what shows them"
