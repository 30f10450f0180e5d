"""Generate the reference pages of the site from the code: commands, settings, schemas, model files."""

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
from newsdesk.cli.main import COMMANDS, GROUPS, newsdesk
from newsdesk.readers.column_aliases import ALIASES

EXAMPLES = re.compile(r"\n*[\b]\n *Examples?:\n((?: .*\n?)+)")
SCHEMAS = {
    "Articles": (schema, "ARTICLES", "`data/clean/articles.parquet`, one row for each article."),
    "Quarantine": (schema, "QUARANTINE", "`data/clean/quarantine.parquet`, one row for each refused row."),
    "Labelled articles": (
        output_schema,
        "LABELED",
        "The output of `newsdesk predict --output`, in every format.",
    ),
    "Provenance": (output_schema, "PROVENANCE", "Further columns in the parts of a job."),
}


def pages() -> dict[str, str]:
    """Return the Markdown of each page, by its path below `docs/`."""
    return {
        "reference/cli.md": commands_page(),
        "reference/params.md": settings_page(),
        "reference/schemas.md": schemas_page(),
        "reference/model.md": model_page(SHIPPED),
    }


def commands_page() -> str:
    """Describe every command with its arguments, options and examples, by group."""
    parts = ["# Commands", "The same text as `newsdesk COMMAND --help`."]
    for title, _, commands in GROUPS:
        parts.append(f"## {title}")
        parts += [describe_command(name, command) for name, command in walk_commands(commands)]
    return "\n\n".join(parts) + "\n"


def describe_command(name: str, command: click.Command) -> str:
    """Describe a command as its `--help` does."""
    context = click.Context(command, info_name=f"newsdesk {name}")
    text = inspect.cleandoc(command.help or "")
    examples = EXAMPLES.search(text)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"### {name}", f"`{usage}`", EXAMPLES.sub("", text).strip()]
    options = [p.get_help_record(context) for p in command.params if isinstance(p, click.Option)]
    listed = [(f"`{given}`", meaning) for given, meaning in filter(None, options)]
    parts += [table(("option", "meaning"), listed)] if listed else []
    if examples:
        parts.append(f"```text\n{inspect.cleandoc(examples[1]).strip()}\n```")
    return "\n\n".join(parts)


def walk_commands(names: Iterable[str] = COMMANDS) -> Iterator[tuple[str, click.Command]]:
    """Yield commands and their subcommands, each with the words that call it."""
    root = click.Context(newsdesk)
    for name in names:
        command = newsdesk.get_command(root, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", each) for sub, each in sorted(command.commands.items()))


def settings_page() -> str:
    """Describe every setting of params.yaml: allowed values, default and meaning."""
    parts = [
        "# Settings",
        "The keys of `params.yaml`. An unknown key or a value that is not allowed is an error.",
    ]
    others: list[tuple[str, ...]] = []
    described = Settings.model_json_schema()
    for name, field in Settings.model_fields.items():
        section = getattr(Settings(), name)
        if isinstance(section, BaseModel):
            schema_of = described["$defs"][type(section).__name__]["properties"]
            rows = [_setting(f"{name}.{key}", one, section) for key, one in schema_of.items()]
            intro = " ".join(inspect.cleandoc(type(section).__doc__ or "").split())
            parts += [f"## {name}", intro, table(("setting", "allowed", "default", "meaning"), rows)]
        else:
            others.append((f"`{name}`", "map", f"`{json.dumps(section)}`", field.description or ""))
    parts += ["## others", table(("setting", "allowed", "default", "meaning"), others)]
    return "\n\n".join(parts) + "\n"


def _setting(name: str, described: Mapping[str, Any], section: BaseModel) -> tuple[str, ...]:
    default = json.dumps(getattr(section, name.rpartition(".")[2]))
    return f"`{name}`", allowed(described), f"`{default}`", str(described.get("description", ""))


def allowed(described: Mapping[str, Any]) -> str:
    """Describe what a JSON schema allows: `integer >= 1`, `"l2", "l1" or null`."""
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
    limits = [f"{sign} {described[key]:g}" for key, sign in bounds.items() if key in described]
    return " ".join([kind, ", ".join(limits)]).strip()


def schemas_page() -> str:
    """Describe the Arrow schemas, the column names that readers know, and the sets of values."""
    parts = ["# Schemas", inspect.cleandoc(schema.__doc__ or "")]
    for title, (module, name, where) in SCHEMAS.items():
        parts += [f"## {title}", f"`{module.__name__}.{name}`. {where}", _columns(module, name)]
    parts += [
        "The columns of `--carry` follow, as text. "
        f"The version of these columns, in `schema_version`, is {output_schema.SCHEMA_VERSION}.",
        "## Column names of inputs",
        "Names of the fields of a record and of the columns of a table. Letter case, invisible marks, signs "
        "and variants of Arabic spelling make no difference. A record needs a text; two columns of one field "
        "are an error, unless an option such as `--text-column` names one.",
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
    """Return the comment behind each `pa.field` of a schema, by column; empty without a comment."""
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
    """Describe the files of a packaged model and the keys of `model.json`."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    listed = [(f"`{path.name}`", f"{path.stat().st_size:,}", content_of(path)) for path in files]
    info = read_json(folder / "model.json")
    arrays = read_arrays(folder / "weights.npz")
    return (
        "\n\n".join(
            [
                "# A packaged model",
                "A folder of data, without code and without pickle. Stage `package` writes it to `model/`. "
                "The sizes are those of the model that comes with newsdesk. `code_sha256` is the hash of the "
                "code that it was evaluated with; `newsdesk export` and the MLflow model add that code.",
                table(("file", "bytes", "content"), listed),
                "## weights.npz",
                table(("array", "type", "shape"), [_array(name, array) for name, array in arrays.items()]),
                "## model.json",
                table(("key", "value"), [(f"`{key}`", _shape(value)) for key, value in info.items()]),
                "Each head:",
                table(
                    ("key", "value"), [(f"`{key}`", _shape(value)) for key, value in info["heads"][0].items()]
                ),
            ]
        )
        + "\n"
    )


def content_of(path: Path) -> str:
    """Describe the content of a file of a model in one line."""
    if path.suffix == ".npz":
        return "arrays of NumPy, below"
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gzip" else path.read_bytes()
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
    """Make a Markdown table; a cell is put on one line, and may hold a bar only within code."""
    names = list(heading)
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [names, ["---"] * len(names), *cells])
