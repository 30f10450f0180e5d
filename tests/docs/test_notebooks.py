"""The notebooks hold no outputs and no functions, and each runs to its end."""

import ast
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from tests import ROOT
from tests.commands import project_env, run

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def state(project: Path) -> dict[str, tuple[int, int]]:
    """Map every file, except those of git and DVC, to its size and modification time."""
    files = [path for path in project.rglob("*") if path.is_file()]
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in files
        if not {".git", ".dvc", "__pycache__"} & set(path.relative_to(project).parts)
    }


def test_there_is_one_for_each_task() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "1_explore_corpus", "2_compare_experiments", "3_errors_and_corrections", "4_registered_model",
        "5_add_a_class",
    ]  # fmt: skip


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path: Path) -> None:
    for cell in read(path).cells:
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_defines_no_function(path: Path) -> None:
    """Functions belong into the package, where they are typed and tested."""
    code = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assert [node.name for node in ast.walk(ast.parse(code)) if isinstance(node, kinds)] == []
    named = [
        n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Assign) and isinstance(n.value, ast.Lambda)
    ]
    assert named == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, project: Path, tmp_path: Path) -> None:
    """Run it in a finished project with this Python, and check that the project is unchanged."""
    write_kernel_spec(tmp_path / "kernels/newsdesk")
    specs = KernelSpecManager(kernel_dirs=[str(tmp_path / "kernels")], ensure_native_kernel=False)
    manager = AsyncKernelManager(
        kernel_name="newsdesk",
        kernel_spec_manager=specs,
        transport="ipc",  # without ports, which other tests may take
        ip=str(tmp_path / "kernel"),
        connection_file=str(tmp_path / "kernel.json"),
    )
    notebook = read(path)
    client = NotebookClient(
        notebook, timeout=300, km=manager, resources={"metadata": {"path": str(project / "notebooks")}}
    )
    before = state(project), run("git", "status", "--porcelain", cwd=project).stdout
    # two processes take longer to start than one takes to train on this corpus
    env = project_env(IPYTHONDIR=str(tmp_path / "ipython"), TMPDIR=str(tmp_path), LOKY_MAX_CPU_COUNT="1")
    client.execute(env=env, cleanup_kc=True)  # otherwise the kernel of a given manager stays alive
    assert (state(project), run("git", "status", "--porcelain", cwd=project).stdout) == before
