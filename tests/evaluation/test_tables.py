"""Tables of results."""

import pytest

from newsdesk.evaluation.tables import (
    account_table,
    comparison_rows,
    format_interval,
    metrics_table,
    outlets_table,
    unnamed_table,
)

F1 = {f"f1_{name}{suffix}": 0.5 for name in ("macro", "micro") for suffix in ("", "_low", "_high")}
FIRST = {"main_label": 0.75, "first_label": 0.875, "ece": 0.01}
COMPARED = {
    "outlets": {"north": {"systems": {"newsdesk": {"f1_macro": 0.75}, "majority": {"f1_macro": None}}}},
    "mean": {
        "systems": {"newsdesk": F1 | FIRST, "majority": F1 | {"main_label": None}},
        "difference": {"majority": F1 | {"f1_macro_low": -0.1}},
    },
}


@pytest.mark.parametrize(
    ("measured", "options", "expected"),
    [
        ({"f1": 0.8124, "f1_low": 0.79, "f1_high": 0.8333}, {}, "0.812 (0.790 to 0.833)"),
        ({"f1": 0.01, "f1_low": -0.002, "f1_high": 0.02}, {"sign": True}, "+0.010 (-0.002 to +0.020)"),
        ({"f1": 0.5, "f1_low": 0.4, "f1_high": 0.6}, {"bold": True}, "**0.500** (0.400 to 0.600)"),
        ({"f1": None, "f1_low": None, "f1_high": None}, {}, "-"),
        ({"f1": 0.5, "f1_low": None, "f1_high": None}, {}, "0.500"),
    ],
)
def test_intervals(measured: dict, options: dict, expected: str) -> None:
    assert format_interval(measured, "f1", **options) == expected


def test_the_comparison_names_our_difference_to_each_other_system() -> None:
    ours, other = comparison_rows("region", COMPARED["outlets"], COMPARED["mean"])
    assert (ours["north"], other["north"]) == ("0.750", "-")
    assert (ours["main label"], ours["first label"], ours["ECE"]) == ("0.750", "0.875", "0.010")
    assert (other["main label"], other["first label"], other["ECE"]) == ("-", "-", "-")
    assert ours["difference (macro F1)"] == ""
    assert other["difference (macro F1)"] == "0.500 (-0.100 to 0.500)"


def test_articles_without_a_place() -> None:
    scores = {"f1_micro": 0.5, "f1_micro_low": None, "f1_micro_high": None}
    north = {
        "n_articles": 1200,
        "systems": {"newsdesk": scores, "newsdesk_home": scores},
        "difference": scores,
    }
    header, _, row = unnamed_table({"region": {"unnamed": {"north": north}}, "topic": {}}).splitlines()
    assert header == (
        "| head | outlet | articles without a place | newsdesk | newsdesk_home | difference (micro F1) |"
    )
    assert row == "| region | north | 1,200 | **0.500** | **0.500** | **0.500** |"
    assert unnamed_table({"region": {}}) == ""


def test_chosen_settings_have_a_table_of_their_own() -> None:
    candidates = [{"C": 10.0, "f1": 0.8}, {"C": 30.0, "f1": 0.85}]
    north = COMPARED["outlets"]["north"] | {"settings": {"chosen": {"C": 30.0}, "candidates": candidates}}
    table = outlets_table({"topic": COMPARED | {"outlets": {"north": north}}}).split("\n\n")[1]
    assert table.splitlines() == [
        "| head | outlet | chosen settings | inner F1 | of the fixed settings |",
        "|---|---|---|---:|---:|",
        "| topic | north | C 30.0 | 0.850 | 0.800 |",
    ]


def test_markdown() -> None:
    header, rule, *rows = outlets_table({"region": COMPARED}).splitlines()
    assert header == (
        "| head | system | north | macro F1 | micro F1 | main label | first label | ECE | difference (macro F1) |"
    )
    assert rule == "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    assert rows[1].startswith("| region | majority | - | **0.500** (0.500 to 0.500) |")
    label = {"precision": 0.1, "recall": 0.2, "f1": 0.3, "support": 7}
    table = metrics_table({"topic": F1 | {"n_articles": 9, "main_label": 0.75}}, {"topic": {"sport": label}})
    assert table.splitlines()[4] == "| topic | **main_label** |  |  | **0.750** | 9 |"
    assert table.splitlines()[-1] == "| topic | sport | 0.100 | 0.200 | 0.300 | 7 |"
    counts = {"read": 1200, "kept": 1199, "groups": 1190, "refused": {"too_short": 1}}
    assert account_table({"sources": {"north": counts}} | counts).splitlines()[2:] == [
        "| north | 1,200 | 1,199 | 1,190 | too_short 1 |",
        "| **all** | 1,200 | 1,199 | 1,190 | too_short 1 |",
    ]
