"""The notebooks hold small outputs and no functions, and each runs with the outputs that are committed."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from notebooks.run import NOTEBOOKS, execute
from tests.commands import run

LARGEST = 250_000
# MLflow run ids, git commits and SHA-256 change with the code; keys of articles have 16 digits and are compared
HASH = re.compile(r"\b(?:[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\b")
NUMBER = re.compile(r"\d+\.\d{7,}")  # the last digits depend on the processor
ARABIC_CELL = re.compile(r"<t[dh][^>]*>[^<]*[\u0621-\u064a]")
TASKS = re.compile(r"(?:^train .*\n)+", re.MULTILINE)  # DVC runs them in any order
MACHINE = re.compile(r"/(?:home|root|tmp|Users|private|var|mnt|opt)/|site-packages|\b0x[0-9a-f]{6,}")


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def texts(cell: nbformat.NotebookNode) -> list[str]:
    """Return the outputs of a cell as texts with their kind; an image is its kind alone."""
    found = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            found.append(f"{output.name}: {output.text}")
        for kind, text in sorted(output.get("data", {}).items()):
            found.append(kind if kind.startswith("image/") else f"{kind}: {text}")
    return found


def comparable(text: str) -> str:
    """Replace hashes by a placeholder, round numbers with many digits, and sort the lines of tasks."""
    text = TASKS.sub(lambda lines: "".join(sorted(lines[0].splitlines(keepends=True))), text)
    return NUMBER.sub(lambda number: f"{float(number[0]):.6f}", HASH.sub("HASH", text))


def stale_outputs(committed: nbformat.NotebookNode, now: nbformat.NotebookNode) -> list[str]:
    """Describe each cell whose outputs differ, with both texts."""
    found = []
    for old, new in zip(committed.cells, now.cells, strict=True):
        before, after = ("\n".join(map(comparable, texts(cell))) for cell in (old, new))
        if before != after:
            found.append(f"{old.id}: run `make notebooks`\n--- committed\n{before}\n--- now\n{after}")
    return found


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
def test_it_has_small_outputs(path: Path) -> None:
    assert path.stat().st_size < LARGEST, "draw smaller plots, or show fewer rows"
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run `make notebooks`"
    kinds = {kind for cell in code for output in cell.outputs for kind in output.get("data", {})}
    assert {"image/png", "text/html", "text/plain"} <= kinds
    assert kinds <= {"image/png", "text/html", "text/markdown", "text/plain"}
    html = "".join(text for cell in code for text in texts(cell) if text.startswith("text/html"))
    assert [tag for tag in ARABIC_CELL.findall(html) if 'dir="rtl"' not in tag] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_those_of_any_machine(path: Path) -> None:
    """They hold no path, address, warning or traceback, and the metadata no version and no time."""
    notebook = read(path)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    for cell in notebook.cells:
        assert cell.metadata == {}, cell.id
        for output in cell.get("outputs", []):
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", f"{cell.id}: {output.text}"
        for text in texts(cell):
            assert not MACHINE.search(text), f"{cell.id}: {text}"
            assert "Traceback" not in text, cell.id


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
    """Run it in a finished project, compare the outputs, and check that the project is unchanged."""
    notebook = read(path)
    before = state(project), run("git", "status", "--porcelain", cwd=project).stdout
    execute(notebook, folder=project / "notebooks", scratch=tmp_path)
    assert (state(project), run("git", "status", "--porcelain", cwd=project).stdout) == before
    assert stale_outputs(read(path), notebook) == []


def one_cell(*outputs: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_code_cell("1 + 1", id="sum", outputs=list(outputs))])


def test_a_stale_output_is_shown_with_its_cell_and_both_texts() -> None:
    old, new = (
        one_cell(new_output("stream", name="stdout", text=f"f1 {score}\n")) for score in ("0.7", "0.8")
    )
    assert stale_outputs(old, old) == []
    assert stale_outputs(old, new) == [
        "sum: run `make notebooks`\n--- committed\nstdout: f1 0.7\n\n--- now\nstdout: f1 0.8\n"
    ]
    assert len(stale_outputs(old, one_cell())) == 1
    table, other = (
        one_cell(new_output("display_data", {"text/html": f"<td>{text}</td>"})) for text in ("أ", "ب")
    )
    assert len(stale_outputs(table, other)) == 1


def test_images_hashes_and_last_digits_may_differ() -> None:
    def shown(image: str, digit: str) -> nbformat.NotebookNode:
        text = f"run {digit * 32}, commit {digit * 40}, model 0.1.0+{digit * 12}, score 0.12345678{digit}"
        return one_cell(new_output("display_data", {"image/png": image, "text/plain": text}))

    assert stale_outputs(shown("aaaa", "1"), shown("bbbb", "2")) == []
    without = one_cell(new_output("display_data", {"text/plain": texts(shown("", "1").cells[0])[-1]}))
    assert len(stale_outputs(shown("aaaa", "1"), without)) == 1, "the image is missing"
