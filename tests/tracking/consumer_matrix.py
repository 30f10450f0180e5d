"""The shipped model in environments of its lowest and newest requirements: `make test-consumers`.

The first interpreter gets both, the others the newest. In each environment `consumer.py` labels the same articles in
all kinds of input; the labels must be those of this environment, and the scores within `TOLERANCE`. Prints a table;
exit code 1 if an answer differs.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

from newsdesk.base.files import SHIPPED
from newsdesk.tracking import mlflow_model

SCRIPT = Path(__file__).with_name("consumer.py")
LABELS = ("regions", "topics", "reason", "main_region", "main_topic")
TOLERANCE = 1e-12
HOME = "home"  # the input whose scores differ by design


def lowest(line):
    """The requirement with its lower bound alone."""
    requirement = Requirement(line)
    [bound] = [part.version for part in requirement.specifier if part.operator == ">="]
    return f"{requirement.name}=={bound}"


def environment(python, requirements, folder):
    """The interpreter of a new environment with these requirements."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    created = str(folder / "bin/python")
    subprocess.run([created, "-m", "pip", "install", "--quiet", "--prefer-binary", *requirements], check=True)
    return created


def consume(python, model, folder):
    """What `consumer.py` prints."""
    done = subprocess.run(
        [python, str(SCRIPT), str(model)], cwd=folder, env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{python}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def differences(found, expected):
    """Yield a line for each kind of input whose answer is not the expected one."""
    for name, rows in found["outputs"].items():
        if len(rows) != len(expected):
            yield f"{name}: {len(rows)} rows for {len(expected)}"
        for row, right in zip(rows, expected, strict=False):
            if any(row[column] != right[column] for column in LABELS):
                yield f"{name}: other labels"
            for scores in ("region_scores", "topic_scores"):
                gaps = [abs(row[scores][label] - right[scores][label]) for label in right[scores]]
                if name != HOME and max(gaps, default=0) > TOLERANCE:
                    yield f"{name}: {scores} differ by {max(gaps):.1e}"
    if found["empty"][0] or not found["compiled"]:
        yield "an empty frame gave rows" if found["empty"][0] else "the compiled implementation was not used"


def tell(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pythons", nargs="+", help="interpreters, the oldest first")
    pythons = parser.parse_args().pythons
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        mlflow_model.save(SHIPPED, folder / "model")
        newest = (folder / "model/requirements.txt").read_text(encoding="utf-8").split("\n")
        newest = [line for line in newest if line]
        expected = consume(sys.executable, folder / "model", folder)["outputs"]["DataFrame"]
        jobs = [(pythons[0], [lowest(line) for line in newest])]
        jobs += [(python, [*newest, "polars"]) for python in pythons]
        for number, (python, requirements) in enumerate(jobs):
            if not shutil.which(python):
                tell(f"{python}: skipped, there is none")
                continue
            found = consume(environment(python, requirements, folder / str(number)), folder / "model", folder)
            wrong = [*differences(found, expected)]
            versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
            verdict = "; ".join(wrong) or f"{len(found['outputs'])} kinds of input agree"
            tell(f"Python {found['python']}, {versions}: {verdict}")
            failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
