"""Settings: params.yaml is checked once and becomes frozen models that forbid unknown keys."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from newsdesk.base.columns import Corpus
from newsdesk.base.console import path_option
from newsdesk.base.files import read_yaml
from newsdesk.base.normalization import Normalization
from newsdesk.base.schema import Origin, Task
from newsdesk.base.validation import FrozenModel, checking


class Clean(FrozenModel):
    """Limits on articles, near-duplicate detection and the splits."""

    min_words: int = Field(5, ge=1, description="Fewest words of title and text, also when predicting")
    max_chars: int = Field(200_000, ge=1000, description="Longest text in characters")
    min_jaccard: float = Field(
        0.5, gt=0, le=1, description="Jaccard similarity of word triples from which texts are near-duplicates"
    )
    valid_share: float = Field(0.15, gt=0, lt=1, description="Share of groups in the validation split")
    test_share: float = Field(0.2, gt=0, lt=1, description="Share of groups in the test split")
    seed: int = Field(0, ge=0, description="Seed of the splits and of MinHash")
    evaluation_outlets: tuple[str, ...] = Field(
        ("aawsat",), description="Outlets that are excluded from every fit, as split `evaluation`"
    )

    samples: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        {}, description="Share of a source's articles that are kept, beside those in the label tables"
    )

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        if self.valid_share + self.test_share >= 1:
            raise ValueError("valid_share and test_share leave no training split")
        return self


class Features(FrozenModel):
    """The TF-IDF vectorizer and the place features."""

    ngram_max: int = Field(1, ge=0, le=3, description="Longest word n-gram; 0 for no words")
    ngram_scope: Literal["text", "sentence"] = Field(
        "text", description="Unit that a word n-gram may not cross"
    )
    stem: Literal["snowball"] | None = Field("snowball", description="Stemmer of words; null for none")
    char_ngrams: tuple[int, int] | None = Field(
        (4, 6), description="Shortest and longest character n-gram within a word; null for none"
    )
    word_weight: float = Field(1.0, gt=0, description="Weight of the word block")
    char_weight: float = Field(2.0, gt=0, description="Weight of the character block")
    min_df: int = Field(1, ge=1, description="Fewest training articles that contain a term")
    max_df: float = Field(0.5, gt=0, le=1, description="Largest share of training articles with a term")
    max_features: int | None = Field(
        None, ge=1, description="Number of most frequent terms to keep; null for all"
    )
    sublinear_tf: bool = Field(True, description="Use 1 + log(count) instead of the count")
    norm: Literal["l2", "l1"] | None = Field(
        "l2", description="Row norm, applied to each block; null for none"
    )
    title_weight: int = Field(3, ge=1, description="Count of a word in the title")
    places: bool = Field(True, description="Add features of the places that are mentioned")
    place_weight: float = Field(0.3, gt=0, description="Weight of the place block")
    lead_tokens: int = Field(60, ge=0, description="Number of words of the text that form its lead")
    lead_weight: float = Field(
        0.0, ge=0, description="Weight of the terms of title and lead as a block of their own; 0 for none"
    )
    home: bool = Field(
        False,
        description="Add features of the home country of a source; needs places and sources with a home",
    )

    @property
    def terms(self) -> dict[str, Any]:
        """The settings of the vectorizer."""
        return self.model_dump(exclude={"places", "place_weight", "home"})

    @field_validator("char_ngrams")
    @classmethod
    def _check_lengths(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value and not 1 <= value[0] <= value[1] <= 10:
            raise ValueError("expected two lengths, 1 <= shortest <= longest <= 10")
        return value

    @model_validator(mode="after")
    def _check_blocks(self) -> Self:
        if not self.ngram_max and self.char_ngrams is None:
            raise ValueError("no words and no characters to count; set ngram_max or char_ngrams")
        if self.home and not self.places:
            raise ValueError("home: expected false without places, whose values it combines")
        return self


class Train(FrozenModel):
    """The linear one-vs-rest classifiers of both heads."""

    classifier: Literal["logistic_regression", "nb_logistic_regression", "linear_svc"] = Field(
        "logistic_regression",
        description="Linear classifier; `nb_` scales features by log-count ratios first, as NB-SVM does",
    )
    C: float = Field(10.0, gt=0, description="Inverse regularization strength")
    balanced: bool = Field(False, description="Weight classes inversely to their frequency")
    origin_weights: dict[Origin, Annotated[float, Field(ge=0)]] = Field(
        {"gold": 1.0, "silver": 1.0, "review": 1.0, "editor": 0.5, "section": 0.3, "weak": 0.1},
        description="Weight of a row by the origin of its label; 0 excludes it",
    )
    place_tasks: tuple[Task, ...] = Field(("region",), description="Heads that use place features")
    field_tasks: tuple[Task, ...] = Field(("topic",), description="Heads that use lexical fields")
    field_weight: float = Field(0.5, gt=0, description="Weight of a lexical field relative to its words")
    common_thresholds: tuple[Task, ...] = Field(
        ("region", "topic"), description="Heads whose labels share one threshold"
    )
    most_labels: dict[Task, Annotated[int, Field(ge=1)]] = Field(
        {}, description="Most labels of an article, by head; unlimited if not given"
    )
    floors: dict[Task, Annotated[float, Field(gt=0, le=1)]] = Field(
        {}, description="Lowest probability of a head's likeliest label if no label reaches its threshold"
    )
    min_positives: int = Field(
        25,
        ge=1,
        description="Fewest positives for a label's own threshold, and labels for an outlet's fold",
    )

    def field_weight_of(self, task: str) -> float:
        """Return the weight of lexical fields in the head of a task, 0 for none."""
        return self.field_weight if task in self.field_tasks else 0.0

    def decision_of(self, task: str) -> dict[str, Any]:
        """Return the options of the decision rule of a task, other than its thresholds."""
        most: dict[Any, int] = self.most_labels
        floors: dict[Any, float] = self.floors
        return {"most": most.get(task), "floor": floors.get(task)}


TrainSetting = Literal[
    "classifier", "C", "balanced", "field_weight", "common_thresholds", "most_labels", "floors"
]


class Package(FrozenModel):
    """The format of the packaged model."""

    quantize: int | None = Field(
        None, ge=8, le=16, description="Bits of a coefficient; null for 32-bit float"
    )


class Evaluate(FrozenModel):
    """The evaluation on the test split."""

    origins: tuple[Origin, ...] = Field(
        ("gold",), min_length=1, description="Origins of the labels that count as true"
    )
    min_support: int = Field(
        20, ge=1, description="Fewest articles with a label, by outlet, for the label to count in macro F1"
    )
    candidates: dict[TrainSetting, Annotated[tuple[Any, ...], Field(min_length=1)]] = Field(
        {},
        description="Values of settings of `train` from which the comparison of outlets chooses within the "
        "training outlets; without any it does not choose",
    )
    n_bootstrap: int = Field(1000, ge=10, description="Bootstrap resamples of groups")
    seed: int = Field(0, ge=0, description="Seed of the bootstrap")

    @field_validator("candidates")
    @classmethod
    def _check_candidates(
        cls, value: dict[TrainSetting, tuple[Any, ...]]
    ) -> dict[TrainSetting, tuple[Any, ...]]:
        try:
            return {
                name: tuple(
                    getattr(Train.model_validate_json(json.dumps({name: each}), strict=True), name)
                    for each in values
                )
                for name, values in value.items()
            }
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            expected = first["msg"].removeprefix("Input should be ")
            raise ValueError(f"train.{name}: expected {expected}") from None

    def train_candidates(self, train: Train) -> list[Train]:
        """List the settings to choose from: the given ones, then each combination of the candidates."""
        combinations = product(*self.candidates.values())
        changed = [
            train.model_copy(update=dict(zip(self.candidates, values, strict=True)))
            for values in combinations
        ]
        return [train, *changed]


class Track(FrozenModel):
    """The MLflow run."""

    experiment: str = Field("newsdesk", min_length=1, description="MLflow experiment")


class Settings(FrozenModel):
    """All settings of params.yaml."""

    clean: Clean = Clean()
    text: Normalization = Normalization()
    features: Features = Features()
    train: Train = Train()
    package: Package = Package()
    evaluate: Evaluate = Evaluate()
    outlets: dict[str, tuple[str, ...]] = Field(
        {}, description="Sources of each outlet that is left out in turn; other sources form one outlet each"
    )
    corpora: dict[str, Corpus] = Field(
        {}, description="How a corpus is read, by the name of its file or folder, such as `text_column: body`"
    )
    track: Track = Track()

    @field_validator("outlets")
    @classmethod
    def _check_outlets(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        sources = [source for outlet_sources in value.values() for source in outlet_sources]
        if twice := next((source for source in sources if sources.count(source) > 1), None):
            raise ValueError(f"source {twice!r} belongs to two outlets")
        return value


def read_settings(path: Path) -> Settings:
    """Read and check a settings file.

    Parameters
    ----------
    path : Path
        A YAML file such as params.yaml.

    Returns
    -------
    Settings
        Frozen; settings that the file lacks have their defaults.

    Raises
    ------
    NewsdeskError
        If the file is missing or not YAML, or has an unknown key or a value out of range.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "params.yaml")
    ...     _ = path.write_text("train: {C: 2.0}")
    ...     read_settings(path).train.C
    2.0
    """
    content = read_yaml(path, missing="give a params file with --params")
    document = {} if content is None else content
    with checking(document, path):
        # Strict validation of JSON accepts a list as a tuple, but not "no" as a boolean.
        return Settings.model_validate_json(json.dumps(document, default=str), strict=True)


settings_option = path_option(
    "--params", "settings", default="params.yaml", callback=lambda context, option, path: read_settings(path)
)
