"""docs/equations.md: made from the docstrings as they are, and complete."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_SPEC = importlib.util.spec_from_file_location("make_equations", ROOT / "docs/make_equations.py")
maker = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(maker)


@pytest.fixture(scope="module")
def known():
    return maker.papers()


@pytest.fixture(scope="module")
def places(known):
    return maker.places(known)


def test_page_is_up_to_date():
    hint = "run `python docs/make_equations.py`"
    assert maker.PAGE.read_text(encoding="utf-8") == maker.page(), hint


def test_what_is_cited_is_in_the_papers(known, places):
    listed = {(paper, item) for paper, of in known.items() for item in of["items"]}
    assert set(places) - listed == set()


def test_what_nobody_cites_has_a_remark(known, places):
    silent = [
        (paper, item)
        for paper, of in known.items()
        for item in of["items"]
        if (paper, item) not in places and not item.startswith("section")
    ]
    assert [key for key in silent if key[1] not in known[key[0]].get("notes", {})] == []


def test_remarks_of_what_exists_do_not_call_it_missing(known, places):
    said = {
        (p, item): note for p, of in known.items() for item, note in of.get("notes", {}).items()
    }
    assert [
        key for key, note in said.items() if note == "not implemented yet" and key in places
    ] == []


def test_every_equation_table_and_figure_is_listed(known):
    """The numbers are the papers': MultiPoseNet has 4, 5, 8 and RMPE 12, 5, 8 of them."""
    last = {"MultiPoseNet": (4, 5, 8), "RMPE": (12, 5, 8)}
    for paper, numbers in last.items():
        kinds = zip(("equation", "table", "figure"), numbers, strict=True)
        wanted = [f"{kind} {n}" for kind, count in kinds for n in range(1, count + 1)]
        assert [i for i in known[paper]["items"] if not i.startswith("section")] == wanted


def test_names_on_the_page_exist():
    """Importing them all would load three backends: their files and definitions are looked up."""
    for name, file in re.findall(r"\[`([\w.]+)`\]\(\.\./([\w/.]+)\)", maker.page()):
        text = (ROOT / file).read_text(encoding="utf-8")
        last = name.split(".")[-1]
        assert last in file or re.search(rf"^\s*(class |def |){last}\b", text, re.M), name


def test_commands_on_the_page_exist():
    commands = re.findall(r"`multiposenet ([a-z-]+)[^`]*`", maker.page())
    assert commands and set(commands) <= set(maker.cli.VERBS)


@pytest.mark.parametrize(
    "text, found",
    [
        ("(MultiPoseNet, section 3.2, figure 3)", ["section 3.2", "figure 3"]),
        ("of MultiPoseNet, equations 1 and\n    3.", ["equation 1", "equation 3"]),
        ("(MultiPoseNet, tables 1, 2 and 5)", ["table 1", "table 2", "table 5"]),
        ("(MultiPoseNet, equations 2 to 4)", ["equation 2", "equation 3", "equation 4"]),
        ("MultiPoseNet, 3 people", []),
    ],
)
def test_citations_are_read(known, text, found):
    assert list(maker.cited(text, known)) == [("MultiPoseNet", item) for item in found]


def test_citations_of_two_papers_and_of_names(known):
    text = "as (RMPE ICCV, figure 5) but not RMPE, figure 7; (G-RMI, Hough voting)"
    assert list(maker.cited(text, known)) == [
        ("RMPE ICCV", "figure 5"),
        ("RMPE", "figure 7"),
        ("G-RMI", "Hough voting"),
    ]


def test_citations_have_the_one_form(known):
    """ "RMPE's table 5" and "RMPE eq. 9" would not be found by the page."""
    other = re.compile(
        r"\b(MultiPoseNet|RMPE|G-RMI)(?:'s| \([^)]*\)|,? [a-z]+ version,?|,? arXiv v1,?)? "
        r"(?:eq\.|eqs\.|equations?|sections?|tables?|figures?) \d"
    )
    wrong = [
        f"{name}: {match[0]}"
        for name, _, text in maker.docstrings()
        for match in other.finditer(" ".join(text.split()))
        if not re.match(r"(MultiPoseNet|RMPE|G-RMI), ", match[0])
    ]
    assert wrong == []
