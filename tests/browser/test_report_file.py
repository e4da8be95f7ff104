"""The report as a person opens it: a file, in a browser without a network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dashboards.formatting import number, percent
from dashboards.report.page import report_html
from deployments.cli import main
from tasks.backtest import BacktestRequest, run_backtest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
BARS = ROOT / "deployments/data/equity_1d.parquet"
ACTIONS = ROOT / "deployments/data/corporate_actions.csv"
DRAWINGS = ["equity", "drawdown", "exposure", "price", "returns"]
HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"


@pytest.fixture
def opened(chromium):
    """Return a function that opens a file in a browser of a width; a request, a complaint or a script of others fails the test."""
    seen = []

    def open_file(path, width=1280, **options):
        context = chromium.new_context(viewport={"width": width, "height": 844}, offline=True, **options)
        page = context.new_page()
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda told: complaints.append(told.text) if told.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        page.locator("html[data-drawn]").wait_for(timeout=30_000)
        seen.append((context, path, asked, complaints))
        return page

    yield open_file
    for context, path, asked, complaints in seen:
        context.close()
        assert asked == [path.as_uri()]
        assert complaints == []


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The files of a back-test with --out, of one symbol, opened away from the files beside it."""
    folder = tmp_path_factory.mktemp("report") / "result"
    command = ["backtest", "moving_average_crossover", "--bars", str(BARS), "--symbols", "SPY", "--actions", str(ACTIONS)]
    assert main([*command, "--start", "2008-01-02", "--slippage-bps", "2", "--json", "--out", str(folder)]) == 0
    alone = folder.parent / "alone" / "report.html"
    alone.parent.mkdir()
    shutil.copy(folder / "report.html", alone)
    return alone, json.loads((folder / "result.json").read_text())


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """The report of five symbols whose result carries hostile texts."""
    symbols = ("AAPL", "BAC", "IBM", "QQQ", "SPY")
    result = run_backtest(BacktestRequest(("momentum_trend",), symbols=symbols, bars=BARS, actions=ACTIONS, start="2015-01-02"))
    result.document["warnings"].append(HOSTILE)
    result.document["assumptions"][HOSTILE] = HOSTILE
    result.trades[-1]["symbol"] = HOSTILE
    path = tmp_path_factory.mktemp("several") / "report.html"
    path.write_text(report_html(result), encoding="utf-8")
    return path


def painted(page, name):
    """The number of colours in a drawing that is on the page."""
    page.locator(f"#plot-{name}").scroll_into_view_if_needed()
    return page.evaluate(
        """name => {
            const found = [];
            const look = (node) => {
                if (node.tagName === "CANVAS" && node.width && node.getContext("2d")) found.push(node);
                for (const child of [...(node.shadowRoot?.children ?? []), ...node.children]) look(child);
            };
            look(document.getElementById(`plot-${name}`));
            const colours = new Set();
            for (const canvas of found) {
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                for (let i = 0; i < data.length; i += 4) if (data[i + 3]) colours.add(data.slice(i, i + 3).join());
            }
            return colours.size;
        }""",
        name,
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_every_drawing_is_painted_at_every_width(written, opened, width):
    """Equity, drawdown, exposure, price and the trades' returns have ink, on a laptop and on a phone."""
    page = opened(written[0], width)
    assert {name: painted(page, name) > 5 for name in DRAWINGS} == dict.fromkeys(DRAWINGS, True)


def test_the_figures_are_those_of_the_result(written, opened):
    """Headline, measures and fingerprints equal result.json."""
    path, result = written
    page, metrics = opened(path), result["metrics"]
    figure = {node.get_attribute("data-name"): node.inner_text() for node in page.locator(".headline [data-name]").all()}
    assert figure["final_equity"] == number(result["final_equity"])
    assert percent(metrics["total_return"], signed=True) in figure["total_return"]
    assert figure["annual_return"] == percent(metrics["annual_return"], signed=True)
    assert figure["max_drawdown"] == percent(metrics["max_drawdown"])
    assert percent(result["benchmark"]["total_return"], signed=True) in page.locator(".headline").inner_text()
    assert figure["sharpe"] == number(metrics["sharpe"])
    assert figure["trades"] == number(result["trades"], 0)
    assert figure["fees"] == number(metrics["fees"])
    measured = page.locator("[data-measure]")
    assert {node.get_attribute("data-measure") for node in measured.all()} == set(metrics)
    rests = page.locator('section[aria-labelledby="rests-on"]').inner_text()
    assert all(result[name] in rests for name in ("dataset_id", "ledger_sha256", "equity_sha256"))
    assert page.locator("table.trades tbody tr").count() == result["trades"]


def test_months_multiply_to_the_total_return(written, opened):
    """The table of months is complete: its cells together are the whole run."""
    path, result = written
    cells = opened(path).locator("table.months td[data-value]:not(.total)").all()
    grown = 1.0
    for cell in cells:
        grown *= 1.0 + float(cell.get_attribute("data-value"))
    assert grown - 1.0 == pytest.approx(result["metrics"]["total_return"], rel=1e-9)


@pytest.mark.parametrize("name", ["written", "several"])
def test_a_phone_needs_no_sideways_scrolling(request, opened, name):
    """At 390 px nothing is wider than the screen, no table scrolls sideways in its frame, and the money is on the first screen."""
    made = request.getfixturevalue(name)
    page = opened(made[0] if isinstance(made, tuple) else made, 390, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator(".amount").bounding_box()["y"] < 300
    if name == "written":
        frames = page.locator(".frame").evaluate_all("nodes => nodes.map(node => node.scrollWidth - node.clientWidth)")
        assert max(frames) <= 0


def test_a_finger_on_a_drawing_scrolls_the_page(written, opened):
    """On a phone every drawing leaves vertical movements to the browser."""
    page = opened(written[0], 390, has_touch=True, is_mobile=True)
    kinds = page.evaluate("""() => {
        const found = [];
        const look = (node) => {
            if (node.classList.contains("bk-events")) found.push(getComputedStyle(node).touchAction);
            for (const child of [...(node.shadowRoot?.children ?? []), ...node.children]) look(child);
        };
        document.querySelectorAll(".plot").forEach(look);
        return found;
    }""")
    assert kinds == ["pan-y pinch-zoom"] * len(DRAWINGS)


def test_another_symbol_is_drawn_when_chosen(several, opened):
    """The chooser puts the symbol's own prices, fills and note in the place of the others."""
    page = opened(several)
    read = "Bokeh.documents[0].get_model_by_name('price').data.close.length"
    before = page.evaluate(f"[{read}, Bokeh.documents[0].get_model_by_name('price').data.close[0]]")
    page.get_by_label("Symbol", exact=True).select_option("QQQ")
    after = page.evaluate(f"[{read}, Bokeh.documents[0].get_model_by_name('price').data.close[0]]")
    assert before != after
    assert page.locator("#plot-price").get_attribute("aria-label").startswith("Prices of QQQ: ")
    assert page.locator("#price-note").inner_text() in page.locator("#plot-price").get_attribute("aria-label")


def test_trades_are_sorted_by_the_chosen_column(written, opened):
    """The largest gain first, then the largest loss; numbers count as numbers, and the heading says which way."""
    page = opened(written[0])
    head = page.locator("table.trades th", has_text="Gain or loss")
    values = "nodes => nodes.map(node => Number(node.dataset.value))"
    for order in ("descending", "ascending"):
        head.get_by_role("button").click()
        gains = page.locator("table.trades tbody td:nth-child(9)").evaluate_all(values)
        assert gains == sorted(gains, reverse=order == "descending")
        assert head.get_attribute("aria-sort") == order


def test_hostile_text_is_shown_and_does_nothing(several, opened):
    """Markup in a warning, an assumption or a symbol shows as text; no script runs but the page's own."""
    page = opened(several)
    assert HOSTILE in page.locator(".warnings").inner_text()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0


def test_a_script_from_elsewhere_is_not_run(written, chromium, tmp_path):
    """Even where markup came in, the page's policy runs its own programs alone and asks for nothing."""
    path = tmp_path / "report.html"
    planted = "<script>window.hacked = 1</script><img src='http://127.0.0.1:9/x'><main>"
    path.write_text(written[0].read_text(encoding="utf-8").replace("<main>", planted, 1), encoding="utf-8")
    page = chromium.new_context(offline=True).new_page()
    refused = []
    page.on("requestfailed", lambda request: refused.append(request.failure))
    page.goto(path.as_uri())
    page.locator("html[data-drawn]").wait_for(timeout=30_000)
    assert page.evaluate("window.hacked") is None
    assert refused == ["csp"]
    page.context.close()


def test_a_run_without_a_trade_says_so(opened, tmp_path):
    """Nothing was bought: the curves stand, and the parts that need trades say why they are empty."""
    request = BacktestRequest(("moving_average_crossover",), symbols=("SPY",), bars=BARS, start="2020-01-02", end="2020-02-03")
    path = tmp_path / "report.html"
    path.write_text(report_html(run_backtest(request)), encoding="utf-8")
    page = opened(path)
    assert painted(page, "price") > 5
    assert "Nothing was traded" in page.locator("main").inner_text()
    assert page.locator("#plot-returns").count() == 0


def test_the_page_follows_a_dark_screen(written, opened):
    """Background and the ink of the drawings change with the screen."""
    seen = set()
    for scheme in ("light", "dark"):
        page = opened(written[0], color_scheme=scheme)
        ink = page.evaluate("""() => [...Bokeh.documents[0].roots()[0].references()]
            .find((model) => model.type === "LinearAxis" || model.type === "LogAxis").major_label_text_color""")
        seen.add((page.evaluate("getComputedStyle(document.body).backgroundColor"), str(ink)))
    assert len({background for background, _ in seen}) == len({ink for _, ink in seen}) == 2
