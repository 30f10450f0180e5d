"""Settings, checked once at the door: params.yaml into frozen types that forbid unknown keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from newsdesk.base.errors import NewsdeskError
from newsdesk.base.normalization import Normalization
from newsdesk.base.schema import Origin


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Clean(_Frozen):
    """What `clean` accepts, groups and holds back."""

    min_words: int = Field(
        5, ge=1, description="fewest words of title and text together, in training and in serving"
    )
    max_chars: int = Field(200_000, ge=1000, description="longest text; longer ones are refused")
    min_jaccard: float = Field(
        0.5, gt=0, le=1, description="share of word triples that makes two texts near-duplicates"
    )
    valid_share: float = Field(0.15, gt=0, lt=1, description="share of groups in the validation split")
    test_share: float = Field(0.2, gt=0, lt=1, description="share of groups in the test split")
    seed: int = Field(0, ge=0, description="seed of the split and of MinHash")
    evaluation_outlets: tuple[str, ...] = Field(
        ("aawsat",), description="outlets kept out of every fit, as split `evaluation`"
    )

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        if self.valid_share + self.test_share >= 1:
            raise ValueError("valid_share and test_share leave no training split")
        return self


class Features(_Frozen):
    """The TF-IDF vectorizer, and places beside its terms."""

    ngram_max: int = Field(1, ge=0, le=3, description="longest run of words; 0 for no words")
    ngram_scope: Literal["text", "sentence"] = Field(
        "text", description="whether a run of words may reach into the next sentence"
    )
    stem: Literal["snowball"] | None = Field("snowball", description="stemmer of the words; null for none")
    char_ngrams: tuple[int, int] | None = Field(
        (4, 6), description="shortest and longest run of characters within a word; null for words alone"
    )
    word_weight: float = Field(1.0, gt=0, description="weight of words beside characters")
    char_weight: float = Field(2.0, gt=0, description="weight of characters beside words")
    min_df: int = Field(1, ge=1, description="fewest training articles that hold a term")
    max_df: float = Field(0.5, gt=0, le=1, description="largest share of training articles that hold a term")
    max_features: int | None = Field(None, ge=1, description="keep only so many of the commonest terms")
    sublinear_tf: bool = Field(True, description="1 + log(count) in place of the count")
    norm: Literal["l2", "l1"] | None = Field(
        "l2", description="what is made one, for words and for characters each; null for nothing"
    )
    title_weight: int = Field(3, ge=1, description="how often a word of the title counts")
    places: bool = Field(True, description="whether places named in title and text are features")
    place_weight: float = Field(0.3, gt=0, description="weight of places beside words and characters")
    lead_tokens: int = Field(60, ge=0, description="words of the text's beginning that count as its lead")

    @property
    def terms(self) -> dict[str, Any]:
        """Those of the vectorizer."""
        return self.model_dump(exclude={"places", "place_weight", "lead_tokens"})

    @field_validator("char_ngrams")
    @classmethod
    def _check_lengths(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value and not 1 <= value[0] <= value[1] <= 10:
            raise ValueError("expected two lengths, 1 <= shortest <= longest <= 10")
        return value

    @model_validator(mode="after")
    def _check_blocks(self) -> Self:
        if not self.ngram_max and self.char_ngrams is None:
            raise ValueError("neither words nor characters to count; set ngram_max or char_ngrams")
        return self


class Train(_Frozen):
    """The linear one-vs-rest classifiers of both heads."""

    classifier: Literal["logistic_regression", "linear_svc"] = Field(
        "logistic_regression", description="kind of linear classifier"
    )
    C: float = Field(10.0, gt=0, description="inverse strength of regularization")
    balanced: bool = Field(False, description="weigh the rarer class of each label up")
    origin_weights: dict[Origin, Annotated[float, Field(ge=0)]] = Field(
        {"gold": 1.0, "silver": 1.0, "review": 1.0, "editor": 0.5, "section": 0.3, "weak": 0.1},
        description="weight of a row by the origin of its label; 0 leaves it out",
    )
    place_tasks: tuple[Literal["region", "topic"], ...] = Field(
        ("region",), description="heads that are told which places an article names"
    )
    field_tasks: tuple[Literal["region", "topic"], ...] = Field(
        ("topic",), description="heads in which words of one lexical field share a part of their weights"
    )
    field_weight: float = Field(0.5, gt=0, description="weight of a lexical field beside its words")
    common_thresholds: tuple[Literal["region", "topic"], ...] = Field(
        ("region", "topic"), description="heads whose labels share one threshold"
    )
    most_labels: dict[Literal["region", "topic"], Annotated[int, Field(ge=1)]] = Field(
        {}, description="most labels that an article gets of a head, its likeliest; any number unless told"
    )
    floors: dict[Literal["region", "topic"], Annotated[float, Field(gt=0, le=1)]] = Field(
        {},
        description="probability from which a head's likeliest label is given where none is at its threshold",
    )
    min_positives: int = Field(
        25,
        ge=1,
        description="fewest positives for a threshold of a label's own, and labels for an outlet's own fold",
    )

    def field_weight_of(self, task: str) -> float:
        """Weight of lexical fields in the head of a task, 0 for none."""
        return self.field_weight if task in self.field_tasks else 0.0

    def decision_of(self, task: str) -> dict[str, Any]:
        """What `scorer.decide` is told of the head of a task beside its thresholds."""
        most: dict[Any, int] = self.most_labels
        floors: dict[Any, float] = self.floors
        return {"most": most.get(task), "floor": floors.get(task)}


class Package(_Frozen):
    """How the packaged model is stored."""

    quantize: int | None = Field(
        None, ge=8, le=16, description="bits a coefficient is stored in; null for all 32 of a float"
    )


class Evaluate(_Frozen):
    """How the test split is measured."""

    origins: tuple[Origin, ...] = Field(
        ("gold",), min_length=1, description="origins of the labels that are taken as the truth"
    )
    min_support: int = Field(
        20, ge=1, description="fewest articles of an outlet with a label for its part in macro-F1"
    )
    n_bootstrap: int = Field(1000, ge=10, description="bootstrap resamples of groups")
    seed: int = Field(0, ge=0, description="seed of the bootstrap")


class Track(_Frozen):
    """Where the run is recorded."""

    experiment: str = Field("newsdesk", min_length=1, description="MLflow experiment")


def describe(settings: BaseModel, prefix: str = "") -> list[tuple[str, str, str]]:
    """Name, value and meaning of every setting, one after the other."""
    rows: list[tuple[str, str, str]] = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            rows += describe(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", json.dumps(value), field.description or ""))
    return rows


class Settings(_Frozen):
    """All of params.yaml."""

    clean: Clean = Clean()
    text: Normalization = Normalization()
    features: Features = Features()
    train: Train = Train()
    package: Package = Package()
    evaluate: Evaluate = Evaluate()
    outlets: dict[str, tuple[str, ...]] = Field(
        {},
        description="outlets that are left out in turn, and the sources of each; another source is its own",
    )
    track: Track = Track()

    @field_validator("outlets")
    @classmethod
    def _check_outlets(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        sources = [source for of_outlet in value.values() for source in of_outlet]
        if twice := next((source for source in sources if sources.count(source) > 1), None):
            raise ValueError(f"source {twice!r} belongs to two outlets")
        return value


def read_settings(path: Path) -> Settings:
    """Read and check a params file.

    Raises
    ------
    NewsdeskError
        If the file is missing, is not YAML, or has an unknown key or a value out of range.
    """
    try:
        content: Any = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NewsdeskError(f"{path}: no such params file; give one with --params") from None
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise NewsdeskError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    try:
        # by way of JSON, where `strict` means its types: a list is a tuple, but "no" is no truth value
        document = json.dumps({} if content is None else content, default=str)
        return Settings.model_validate_json(document, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        found = repr(first["input"])
        shown = found if len(found) <= 60 else f"{found[:57]}..."
        raise NewsdeskError(f"{path}: {where}: {first['msg']} (found {shown})") from None


def params_table(settings: Settings) -> str:
    """Format every setting with its value and meaning as a Markdown table."""
    rows = [f"| `{name}` | `{value}` | {meaning} |" for name, value, meaning in describe(settings)]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])
