"""The reference pages of the site, made of the code at build: commands, settings, schemas, a model."""

from __future__ import annotations

import ast
import gzip
import inspect
import io
import json
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import click
import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from newsdesk.base import schema
from newsdesk.base.files import SHIPPED, read_arrays, read_json
from newsdesk.base.settings import Settings
from newsdesk.batch import output_schema
from newsdesk.cli.main import COMMANDS, newsdesk
from newsdesk.readers.column_aliases import ALIASES

EXAMPLES = re.compile(r"\n*[\b]\n *Examples?:\n((?: .*\n?)+)")
SCHEMAS = {
    "Articles": (schema, "ARTICLES", "`data/clean/articles.parquet`, one row an article."),
    "Quarantine": (schema, "QUARANTINE", "`data/clean/quarantine.parquet`, one row a refusal."),
    "Labelled articles": (
        output_schema,
        "LABELED",
        "What `newsdesk predict --output` writes, whatever the format.",
    ),
    "Stamp of a job": (output_schema, "STAMP", "Behind these columns in the parts of a job."),
}


def pages() -> dict[str, str]:
    """Markdown by the page's place below `docs/`."""
    return {
        "reference/cli.md": commands_page(),
        "reference/params.md": settings_page(),
        "reference/schemas.md": schemas_page(),
        "reference/model.md": model_page(SHIPPED),
    }


def commands_page() -> str:
    """Every command with its arguments, options and examples, as `--help` tells them."""
    about = (newsdesk.help or "").partition(chr(8))[0].strip()
    parts = ["# Commands", f"{about} As `newsdesk COMMAND --help` tells it."]
    for name, command in walk_commands():
        context = click.Context(command, info_name=f"newsdesk {name}")
        text = inspect.cleandoc(command.help or "")
        examples = EXAMPLES.search(text)
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        parts += [f"## {name}", f"`{usage}`", EXAMPLES.sub("", text).strip()]
        options = [p.get_help_record(context) for p in command.params if isinstance(p, click.Option)]
        listed = [(f"`{given}`", meaning) for given, meaning in filter(None, options)]
        parts += [table(("option", "meaning"), listed)] if listed else []
        if examples:
            parts.append(f"```text\n{inspect.cleandoc(examples[1]).strip()}\n```")
    return "\n\n".join(parts) + "\n"


def walk_commands() -> Iterator[tuple[str, click.Command]]:
    """Every command and subcommand, by the words that call it."""
    root = click.Context(newsdesk)
    for name in COMMANDS:
        command = newsdesk.get_command(root, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", each) for sub, each in sorted(command.commands.items()))


def settings_page() -> str:
    """Every setting of params.yaml, with what it may be, its default and its meaning."""
    parts = [
        "# Settings",
        "All of `params.yaml`. Unknown keys and values that are not allowed are refused in one line.",
    ]
    loose: list[tuple[str, ...]] = []
    described = Settings.model_json_schema()
    for name, field in Settings.model_fields.items():
        section = getattr(Settings(), name)
        if isinstance(section, BaseModel):
            kept = described["$defs"][type(section).__name__]
            rows = [_setting(f"{name}.{key}", one, section) for key, one in kept["properties"].items()]
            intro = " ".join(inspect.cleandoc(type(section).__doc__ or "").split())
            parts += [f"## {name}", intro, table(("setting", "allowed", "default", "meaning"), rows)]
        else:
            loose.append((f"`{name}`", "map", f"`{json.dumps(section)}`", field.description or ""))
    parts += ["## others", table(("setting", "allowed", "default", "meaning"), loose)]
    return "\n\n".join(parts) + "\n"


def _setting(name: str, described: Mapping[str, Any], section: BaseModel) -> tuple[str, ...]:
    default = json.dumps(getattr(section, name.rpartition(".")[2]))
    return f"`{name}`", allowed(described), f"`{default}`", str(described.get("description", ""))


def allowed(described: Mapping[str, Any]) -> str:
    """What a JSON schema allows, in words: `integer >= 1`, `"l2", "l1" or null`."""
    if choices := described.get("anyOf"):
        return " or ".join(allowed(choice) for choice in choices)
    if "enum" in described:
        return ", ".join(f"`{json.dumps(value)}`" for value in described["enum"])
    if "const" in described:
        return f"`{json.dumps(described['const'])}`"
    kind = str(described.get("type", "any"))
    if kind == "array":
        if inner := described.get("items"):
            return f"list of {allowed(inner)}"
        return " and ".join(allowed(one) for one in described.get("prefixItems", [])) or "list"
    if kind == "object":
        keys = allowed(described.get("propertyNames", {"type": "string"}))
        return f"map of {keys} to {allowed(described.get('additionalProperties', {}))}"
    bounds = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    held = [f"{sign} {described[key]:g}" for key, sign in bounds.items() if key in described]
    return " ".join([kind, ", ".join(held)]).strip()


def schemas_page() -> str:
    """The Arrow schemas, the names under which readers look for a field, and the closed sets of values."""
    parts = ["# Schemas", inspect.cleandoc(schema.__doc__ or "")]
    for title, (module, name, where) in SCHEMAS.items():
        parts += [f"## {title}", f"`{module.__name__}.{name}`. {where}", _columns(module, name)]
    parts += [
        "Columns of `--carry` follow as text. "
        f"The version of these columns, in `schema_version`, is {output_schema.SCHEMA_VERSION}.",
        "## What a record is read from",
        "Names of a record's fields, of a CSV's columns and of a Parquet file's, in any case; the first that "
        "has a value is taken, and other names are not guessed. A record needs a text.",
        table(("field", "names"), [(f"`{k}`", ", ".join(f"`{n}`" for n in v)) for k, v in ALIASES.items()]),
        "## Values",
    ]
    sets = {name: get_args(getattr(schema, name)) for name in ("Kind", "Origin", "Split", "Reason")}
    rows = [(f"`{name}`", ", ".join(f"`{value}`" for value in values)) for name, values in sets.items()]
    return "\n\n".join([*parts, table(("set", "values"), rows)]) + "\n"


def _columns(module: ModuleType, name: str) -> str:
    meanings = comments(inspect.getsource(module), name)
    fields: pa.Schema = getattr(module, name)
    rows = [(f"`{f.name}`", f"`{f.type}`", "yes" if f.nullable else "no", meanings[f.name]) for f in fields]
    if not any(meanings.values()):
        return table(("column", "type", "null"), [row[:3] for row in rows])
    return table(("column", "type", "null", "meaning"), rows)


def comments(source: str, name: str) -> dict[str, str]:
    """The comment behind each `pa.field` of a schema, by column; empty where there is none."""
    behind = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    (assigned,) = [
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == name
    ]
    calls = [node for node in ast.walk(assigned) if isinstance(node, ast.Call) and len(node.args) > 1]
    return {str(ast.literal_eval(call.args[0])): behind.get(call.end_lineno or 0, "") for call in calls}


def model_page(folder: Path) -> str:
    """The files of a packaged model, what each holds, and the keys of `model.json`."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    listed = [(f"`{path.name}`", f"{path.stat().st_size:,}", content_of(path)) for path in files]
    info = read_json(folder / "model.json")
    arrays = read_arrays(folder / "weights.npz")
    return (
        "\n\n".join(
            [
                "# A packaged model",
                "A folder of data, without code and without pickle. The stage `package` writes `model/`; the "
                "sizes below are of the model that comes with newsdesk. `code_sha256` names the code that the "
                "model was evaluated with. `newsdesk export` and the MLflow model add that code.",
                table(("file", "bytes", "holds"), listed),
                "## weights.npz",
                table(("array", "type", "shape"), [_array(name, array) for name, array in arrays.items()]),
                "## model.json",
                table(("key", "is"), [(f"`{key}`", _shape(value)) for key, value in info.items()]),
                "Each head:",
                table(
                    ("key", "is"), [(f"`{key}`", _shape(value)) for key, value in info["heads"][0].items()]
                ),
            ]
        )
        + "\n"
    )


def content_of(path: Path) -> str:
    """Describe the content of a file of a model in one line."""
    if path.suffix == ".npz":
        return "arrays of NumPy, below"
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return _shape(json.loads(raw))


def _shape(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"map: {', '.join(f'`{key}`' for key in list(value)[:12])}{', …' if len(value) > 12 else ''}"
    if isinstance(value, list):
        return f"list of {len(value):,}"
    return f"`{json.dumps(value)}`"


def _array(name: str, array: np.ndarray[Any, Any]) -> tuple[str, str, str]:
    return f"`{name}`", f"`{array.dtype}`", " × ".join(f"{length:,}" for length in array.shape)


def table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table of cells of one line each; a bar may stand in code alone."""
    names = list(heading)
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [names, ["---"] * len(names), *cells])
