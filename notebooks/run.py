"""Run the notebooks in a finished checkout and write their outputs into them: `make notebooks`.

python notebooks/run.py                                # all of them
python notebooks/run.py notebooks/1_explore_corpus.ipynb
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click
import nbformat
from ipykernel.kernelspec import write_kernel_spec
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
NOTEBOOKS = sorted(HERE.glob("*.ipynb"))
OUTER = ("DVC_", "GIT_", "MLFLOW_", "PYTHON")


def execute(notebook: nbformat.NotebookNode, *, folder: Path, scratch: Path) -> None:
    """Run all cells in `folder` with this Python, and replace their outputs.

    The metadata stay, so that no time and no version of Python gets into the file. Files of the kernel, and
    temporary files of the cells, go to `scratch`.
    """
    write_kernel_spec(scratch / "kernels/newsdesk")
    specs = KernelSpecManager(kernel_dirs=[str(scratch / "kernels")], ensure_native_kernel=False)
    manager = AsyncKernelManager(
        kernel_name="newsdesk",
        kernel_spec_manager=specs,
        transport="ipc",  # without ports, which other programs may take
        ip=str(scratch / "kernel"),
        connection_file=str(scratch / "kernel.json"),
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith(OUTER)}
    env |= {"DVC_NO_ANALYTICS": "true", "IPYTHONDIR": str(scratch / "ipython"), "TMPDIR": str(scratch)}
    env["PYTHONWARNINGS"] = "ignore:IProgress not found"  # a progress bar of MLflow, which names a path
    env["LOKY_MAX_CPU_COUNT"] = (
        "1"  # two processes take longer to start than one takes to train on this corpus
    )
    client = NotebookClient(
        notebook,
        timeout=300,
        km=manager,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    metadata = dict(notebook.metadata)
    client.execute(env=env, cleanup_kc=True)  # otherwise the kernel of a given manager stays alive
    notebook.metadata = nbformat.from_dict(metadata)


@click.command()
@click.argument("notebooks", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(notebooks: tuple[Path, ...]) -> None:
    """Run NOTEBOOKS, by default all, and write their outputs. One that fails stays as it is."""
    for path in notebooks or NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as scratch:
            execute(notebook, folder=path.resolve().parent, scratch=Path(scratch))
        nbformat.write(notebook, path)
        click.echo(f"{path.name}: {path.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
