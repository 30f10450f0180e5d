"""The pipeline files: a stage depends on exactly the modules that it imports, in both profiles alike."""

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
PROFILES = {"starter": ROOT / "dvc.yaml"} | {
    name: ROOT / f"profiles/{name}/dvc.yaml" for name in ("public", "unseen")
}


def read_stages(profile: str) -> dict:
    stages = YAML(typ="safe", pure=True).load(PROFILES[profile].read_text(encoding="utf-8"))["stages"]
    return {name: stage.get("do", stage) for name, stage in stages.items()}


def module_file(name: str) -> Path | None:
    stem = SOURCE / Path(*name.split("."))
    return next((f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.exists()), None)


def imported(file: Path) -> set[str]:
    """Names of this project's modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = ".".join(filter(None, ["newsdesk" if node.level else "", node.module]))
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == "newsdesk"}


def closure(module: str) -> set[Path]:
    found: set[Path] = set()
    queue = [module]
    while queue:
        name = queue.pop()
        parents = [".".join(name.split(".")[:i]) for i in range(1, name.count(".") + 1)]
        for candidate in (name, *parents):
            file = module_file(candidate)
            if file and file not in found:
                found.add(file)
                queue += imported(file)
    return found


def code_deps(stage: dict, folder: Path) -> set[Path]:
    """The Python files that a stage lists, folders of modules spread out."""
    files: set[Path] = set()
    for dep in stage["deps"]:
        path = (folder / dep).resolve()
        if SOURCE in path.parents:
            files |= set(path.rglob("*.py")) if path.is_dir() else {path}
    return files


@pytest.mark.parametrize("profile", PROFILES)
def test_deps_equal_imports(profile: str) -> None:
    for name, stage in read_stages(profile).items():
        module = stage["cmd"].split()[2]
        assert module.startswith("newsdesk.pipeline."), name
        expected = {f.relative_to(ROOT) for f in closure(module)}
        listed = {f.relative_to(ROOT) for f in code_deps(stage, PROFILES[profile].parent)}
        assert listed == expected, f"{profile}/{name}"


def outputs(stage: dict) -> set[str]:
    listed = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
    return {next(iter(out)) if isinstance(out, dict) else out for out in listed}


def test_profiles_have_the_same_stages() -> None:
    """The public profile differs in its paths, its corpora and its gold labels; some have a twin for all splits."""
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
    """Else DVC would take stage `track` of the second of two equal experiments from its cache, without a run."""
    assert read_stages(profile)["track"]["outs"] == [{"metrics/receipt.json": {"cache": False}}]


def test_imports_point_down() -> None:
    """cli -> commands, stages -> I/O -> pure -> leaves."""
    layers = [
        {"errors", "schema", "scorer", "engine", "kernel", "mentions", "explain", "machine", "canonical"},
        {"text", "pages", "repair"},
        {
            "params",
            "taxonomy",
            "places",
            "features",
            "fields",
            "heads",
            "metrics",
            "groups",
            "protocol",
            "baselines",
            "frozen",
            "comparison",
            "experiments",
            "tally",
            "differences",
            "locks",
            "certificate",
        },
        {
            "labels",
            "readers",
            "report",
            "outlets",
            "validation",
            "audits",
            "search",
            "card",
            "labeled",
            "drift",
            "review",
            "queues",
            "corrections",
        },
        {"columns"},
        {
            "corpus",
            "console",
            "stops",
            "artifacts",
            "served",
            "mlmodel",
            "tracking",
            "ledger",
            "registry",
            "promotion",
            "outputs",
            "references",
            "moved",
            "recorded",
            "checkout",
            "rerun",
            "bytewise",
            "kept",
        },
        {"intake", "batch", "live", "report_page", "inspection"},
        {"pace", "notebook", "parts", "serve"},
        {"jobs"},
        {"units"},
        {"workers", "spark"},
        {"stages"},
        {"commands"},
        {"cli"},
    ]
    level = {name: i for i, names in enumerate(layers) for name in names}
    for file in sorted((SOURCE / "newsdesk").rglob("*.py")):
        own = file.relative_to(SOURCE / "newsdesk").parts[0].removesuffix(".py")
        if own in ("__init__", "shipped"):
            continue
        assert own in level, f"{own} has no layer"
        for name in imported(file):
            other = name.split(".")[1] if "." in name else "newsdesk"
            if other in level and other != own:
                assert level[other] <= level[own], f"{file.name} imports {name}"
