"""The gazetteer as JSON: equal after reading, and checked."""

import json

import pytest

from newsdesk.inference.gazetteer import Form, Gazetteer


def test_gazetteer_is_equal_after_reading(gazetteer: Gazetteer) -> None:
    """Except for the names of places: those of equal code, region and kind become one."""
    read = Gazetteer.from_dict(json.loads(json.dumps(gazetteer.as_dict())))
    assert read.as_dict() == gazetteer.as_dict()
    assert len(set(read.places)) == len(read.places) < len(gazetteer.places)

    def meant(form: Form, of: Gazetteer) -> tuple[object, ...]:
        return (*(of.places[i][:3] for i in form.places), form.rule)

    assert read.forms.keys() == gazetteer.forms.keys()
    assert all(meant(form, read) == meant(gazetteer.forms[s], gazetteer) for s, form in read.forms.items())


SMALL = {
    "regions": ["europe", "asia"],
    "places": [["FR", "europe", "country"], ["-", None, "media"]],
    "rules": [[["نهر"], [], [], [], False]],
    "forms": [[[0], None, ["فرنسا"]], [[1], 0, ["رويترز"]]],
}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"regions": ["europe", "europe"]}, "are not distinct names"),
        ({"regions": "europe"}, "are not distinct names"),
        ({"places": [["FR", "europe"]]}, "not enough values"),
        ({"places": [["FR", "africa", "country"]]}, "'FR' is not a place in one of the regions"),
        ({"places": [["FR", "europe", "media"]]}, "'FR' has kind 'media', which has no region"),
        ({"rules": [["نهر", [], [], [], False]]}, "a rule is not four lists of words"),
        ({"rules": [[[""], [], [], [], False]]}, "a rule is not four lists of words"),
        ({"rules": [[[], [], [], [], 1]]}, "a rule is not four lists of words"),
        ({"forms": [[[2], None, ["فرنسا"]]]}, r"a spelling means place \[2\] of 2"),
        ({"forms": [[[], None, ["فرنسا"]]]}, r"a spelling means place \[\] of 2"),
        ({"forms": [[[-1], None, ["فرنسا"]]]}, "a spelling means place"),
        ({"forms": [[[0], 1, ["فرنسا"]]]}, "a spelling has rule 1 of 1"),
        ({"forms": [[[0], None, [7]]]}, "a spelling is not a string"),
        ({"forms": [[[0], None, "فرنسا"]]}, "a spelling is not a string"),
        ({"forms": [[[0], None, ["فرنسا"]], [[1], None, ["فرنسا"]]]}, "a spelling is listed twice"),
    ],
)
def test_damaged_gazetteer_is_refused(damage: dict[str, object], message: str) -> None:
    assert len(Gazetteer.from_dict(SMALL).forms) == 2
    with pytest.raises(ValueError, match=message):
        Gazetteer.from_dict(SMALL | damage)
