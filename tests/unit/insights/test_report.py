"""The report: one page that stands alone, names nobody, and says what the tables say."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

import intentml as im
from command_line import answer, run
from intentml.audiences.opening import open_audiences
from intentml.datasets.simulated import SimulatedShop, simulate_shop
from intentml.insights import plots, report_of, written
from intentml.insights.report import EVERYBODY

AS_OF = "2024-10-01"
NASTY = "<script>alert('1')</script> & $x^2$"
HEADINGS = [
    "The base over time",
    "Audiences compared",
    "Overlap",
    "Value against size",
    "Personas",
    "Discovered segments",
    "First order",
]
VOID = {"meta", "br", "path", "use", "rect"}


class Page(HTMLParser):
    """What a page holds: texts, tags, what it would fetch; tags that do not close are a mistake."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.headings: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["h2"]:
            self.headings.append(data)
        self.texts.append(data)


@pytest.fixture(scope="module")
def way(tmp_path_factory) -> Path:
    """A folder with a small simulated shop, its scores, and an audience with a nasty title."""
    place = tmp_path_factory.mktemp("way")
    (place / "shop").mkdir()
    tables = simulate_shop(SimulatedShop(customers=400, dial=0.2, seed=1))
    for name in ("orders", "products", "customers"):
        getattr(tables, name).to_pandas().to_parquet(place / "shop" / f"{name}.parquet")
    log = im.read_tables(place / "shop")
    model = im.train(log, as_of=AS_OF, settings=["priors.horizons_days=[28]", "priors.windows=1"])
    im.score(model, log, as_of=AS_OF, horizon_days=28, out=place / "scores")
    (place / "mine").mkdir()
    (place / "mine" / "nasty.yaml").write_text(f'title: "{NASTY}"\nrule: monetary >= 1600\n')
    return place


@pytest.fixture(scope="module")
def told(way):
    """What the command answers, and the page that it wrote."""
    body = answer(
        "report", way / "scores", "--data", way / "shop", "--audiences", way / "mine", "--out", way / "r.html"
    )
    return body, (way / "r.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def found(way):
    """The same in Python, worked out a second time."""
    log = im.read_tables(way / "shop")
    return report_of(open_audiences(way / "scores", log, folder=way / "mine"), log)


def test_the_page_has_every_section_and_stands_alone(told):
    page = Page(told[1])
    assert page.headings == HEADINGS
    assert page.open == []
    assert page.tags.count("svg") == 3
    assert all(place.startswith("#") for place in page.fetched)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "http" not in told[1]
    assert "url(" not in told[1].replace("url(#", "")


def test_names_are_escaped_in_tables_cards_and_drawings(told):
    page = Page(told[1])
    assert page.texts.count(NASTY) == 5  # compared, overlap both ways, persona, drawing
    assert "<script" not in told[1]


def test_nobody_is_named(told, way):
    customers = pd.read_parquet(way / "shop" / "customers.parquet")
    assert customers["email"].notna().any()
    for column in ("customer_id", "email", "phone"):
        assert not [value for value in customers[column].dropna() if str(value) in told[1]]
    assert "@" not in told[1]


def test_the_page_reads_on_a_telephone_and_in_the_dark(told):
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in told[1]
    assert "color-scheme: light dark" in told[1]
    assert "currentColor" in told[1]  # the drawings' letters take the page's colour
    assert "#010203" not in told[1]


def test_the_tables_agree_with_the_scores(told, way):
    body, _ = told
    scored = im.load_scores(way / "scores").customers
    assert body["customers"] == len(scored)
    now = body["base"][-1]
    assert now["months_ago"] == 0
    assert now["lost"] == (scored["lifecycle"] == "lost").sum()
    assert sum(body["flows"][stage]["lost"] for stage in body["flows"]) == now["lost"]
    everybody, *others = body["audiences"]
    assert (everybody["audience"], everybody["share"], everybody["short_term"]) == (EVERYBODY, 1.0, None)
    vip = next(one for one in others if one["audience"] == "vip")
    assert vip["revenue"] == pytest.approx(scored["monetary"][scored["importance"] == "vip"].sum())


def test_the_same_shop_gives_the_same_page(told, found):
    assert written(found) == told[1]


def test_without_matplotlib_the_page_says_so_and_keeps_its_tables(found, monkeypatch):
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    page = Page(written(found))
    assert page.headings == HEADINGS
    assert "svg" not in page.tags
    assert any("matplotlib is not installed" in text for text in page.texts)


def test_a_person_is_told_the_gist_and_where_the_page_lies(way, found, monkeypatch):
    monkeypatch.setattr("intentml.insights.report.report_of", lambda audiences, log: found)
    told = run("report", way / "scores", "--data", way / "shop", "--out", way / "again.html", "--quiet")
    assert told.exit_code == 0, told.output
    assert "again.html" in told.stdout
    assert "slipping away" in told.stdout
    assert (way / "again.html").exists()
