"""The report as a person uses it, by pointer and by keyboard, in a headless Chromium. Started by `nox -s browser`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders.chromium import browser  # noqa: F401, a fixture
from builders.paths import ROOT
from builders.records import changed, few
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from experiments.report.grouped import View
from experiments.report.html.page import write

PHONE, DESK = (390, 844), (1280, 1000)
_CONTRASTS = """
const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const light = (name) => {
  paint.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--' + name);
  paint.fillRect(0, 0, 1, 1);
  const parts = [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255);
  const [r, g, b] = parts.map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
const least = (name) => Math.min(...['paper', 'back'].map((ground) => ratio(light(name), light(ground))));
return Object.fromEntries(arguments[0].map((name) => [name, least(name)]));
"""

_FROM_THE_MIDDLE = """
const middle = (element) => {
  const box = element.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
};
const mark = [...arguments[0].querySelectorAll('use')].filter((use) => use.style.fill.includes('--orange')).pop();
const [x, y] = middle(mark), [x0, y0] = middle(arguments[0]);
return [Math.round(x - x0), Math.round(y - y0)];
"""
_OVERFLOW = """
const wide = document.documentElement.scrollWidth > innerWidth;
const outside = (element) => element.getBoundingClientRect().right > innerWidth;
return wide ? [...document.querySelectorAll('*')].filter(outside).map((element) => element.outerHTML.slice(0, 80)) : [];
"""
_UNNAMED = """
const named = (element) => element.textContent.trim() || element.ariaLabel;
return [...document.querySelectorAll('button, select, [role=img]')].filter((element) => !named(element)).length;
"""


@pytest.fixture
def report(browser: Any, tmp_path: Path) -> Any:  # noqa: F811
    browser.get(write(View.of(few()), tmp_path).as_uri())
    yield browser
    assert not browser.get_log("browser")


def shown(page: Any, column: int = 0) -> list[str]:
    """At one moment, for rows are replaced when a filter changes."""
    return page.execute_script(
        "return [...document.querySelectorAll('#board tbody tr.row')].map((row) => row.cells[arguments[0]].dataset.v)", column
    )


def wait_for(page: Any, what: Callable[[], bool]) -> None:
    """Until it is so: packed parts are unpacked while the page goes on."""
    WebDriverWait(page, 10).until(lambda _: what())


def go_to(page: Any, section: str) -> None:
    """By its link, and until it is there."""
    page.find_element(By.CSS_SELECTOR, f'nav a[href="#{section}"]').click()
    ready = f"#{section} .packed:not(details .packed):not([data-state=open])"
    wait_for(page, lambda: page.execute_script("return document.activeElement.id") == section)
    wait_for(page, lambda: not page.find_elements(By.CSS_SELECTOR, ready))


def heading(page: Any, name: str) -> Any:
    return next(head for head in page.find_elements(By.CSS_SELECTOR, "#board thead th") if head.text.split("\n")[0] == name)


def button(page: Any, method: str) -> Any:
    found = page.find_elements(By.CSS_SELECTOR, "#board tr.row:not([hidden]) .open")
    return next(each for each in found if each.text.strip(" ▸▾\u00a0") == method)


def test_it_opens_at_one_data_set_and_budget_best_first(report: Any) -> None:
    assert Select(report.find_element(By.ID, "dataset")).first_selected_option.text == "toy"
    assert Select(report.find_element(By.ID, "epsilon")).first_selected_option.text == "1"
    assert shown(report)[0] == "real" and shown(report)[-2:] == ["gan", "slow"] and len(shown(report)) == 10
    assert report.find_element(By.ID, "shown").text == "10 of 20 rows shown"
    assert heading(report, "accuracy").get_attribute("aria-sort") == "descending"


def test_a_heading_sorts_by_pointer_and_by_keyboard_and_what_is_missing_stays_last(report: Any) -> None:
    heading(report, "mean 2-way TVD").find_element(By.TAG_NAME, "button").click()
    values = shown(report, 10)
    assert values[-1] == "" and [float(v) for v in values[:-1]] == sorted(float(v) for v in values[:-1])
    seconds = heading(report, "seconds").find_element(By.TAG_NAME, "button")
    seconds.send_keys(Keys.ENTER)
    assert [float(v) for v in shown(report, 11)] == sorted(map(float, shown(report, 11)))
    seconds.send_keys(Keys.SPACE)
    assert shown(report)[0] == "slow" and heading(report, "seconds").get_attribute("aria-sort") == "descending"
    assert heading(report, "accuracy").get_attribute("aria-sort") == "none"
    heading(report, "method").find_element(By.TAG_NAME, "button").click()
    assert shown(report) == sorted(shown(report))


def test_filters_leave_what_is_asked_for(report: Any) -> None:
    report.find_element(By.CSS_SELECTOR, '[name="kind"][value="unverified"]').send_keys(Keys.SPACE)
    wait_for(report, lambda: "wrapped" not in shown(report) and len(shown(report)) == 9)
    Select(report.find_element(By.ID, "epsilon")).select_by_value("")
    wait_for(report, lambda: len(shown(report)) == 18)
    assert set(shown(report, 3)) == {"1", "4"} and heading(report, "epsilon").is_displayed()
    Select(report.find_element(By.ID, "epsilon")).select_by_value("4")
    wait_for(report, lambda: len(shown(report)) == 9)
    assert set(shown(report, 3)) == {"4"} and "9 of 20" in report.find_element(By.ID, "shown").text
    assert not report.find_element(By.CSS_SELECTOR, "#board th.epsilon").is_displayed()
    report.find_element(By.ID, "method").send_keys("ai")
    wait_for(report, lambda: shown(report) == ["aim"])
    report.find_element(By.ID, "method").send_keys("zzz")
    wait_for(report, lambda: shown(report) == [] and "0 of 20" in report.find_element(By.ID, "shown").text)


def test_a_data_set_without_the_chosen_budget_is_shown_at_all_of_its_budgets(browser: Any, tmp_path: Path) -> None:  # noqa: F811
    elsewhere = changed(
        few()[0], run_id="elsewhere", dataset={"name": "elsewhere"}, privacy={**few()[0].privacy.plain(), "epsilon": 9.0}
    )
    browser.get(write(View.of([*few(), elsewhere]), tmp_path).as_uri())
    Select(browser.find_element(By.ID, "dataset")).select_by_value("elsewhere")
    wait_for(browser, lambda: len(shown(browser)) == 1)
    assert browser.find_element(By.ID, "epsilon").get_attribute("value") == ""


def test_a_phone_shows_what_became_of_runs_that_were_lost(browser: Any, tmp_path: Path) -> None:  # noqa: F811
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": PHONE[0], "height": PHONE[1], "deviceScaleFactor": 1, "mobile": True}
    )
    browser.get(write(View.of(few()), tmp_path).as_uri())
    lost = browser.find_elements(By.CSS_SELECTOR, "#board tr.row:not([hidden]) .lost")
    assert lost and all(each.is_displayed() and "of" in each.text for each in lost)
    accuracy = heading(browser, "accuracy").rect
    assert accuracy["x"] + accuracy["width"] <= PHONE[0], "accuracy is in sight"
    links = browser.find_elements(By.CSS_SELECTOR, "nav a")
    assert links and all(link.rect["x"] >= 0 and link.rect["x"] + link.rect["width"] <= PHONE[0] for link in links)


def test_a_ledger_opens_and_closes_by_keyboard(report: Any) -> None:
    opener = button(report, "dpdsyn")
    assert opener.get_attribute("aria-expanded") == "false"
    opener.send_keys(Keys.ENTER)
    assert opener.get_attribute("aria-expanded") == "true"
    detail = report.find_element(By.ID, opener.get_attribute("aria-controls"))
    wait_for(report, lambda: "The command" in detail.text)
    assert "dpdsyn run -m dataset=toy synthesizer=dpdsyn privacy.epsilon=1.0 seed=0,1,2" in detail.text
    assert "epsilon 1.0000 at delta 1e-06, for one row" in detail.text
    opener.send_keys(Keys.ENTER)
    assert opener.get_attribute("aria-expanded") == "false" and not report.find_elements(By.CSS_SELECTOR, ".detail")
    report.find_element(By.CSS_SELECTOR, "#board tr.row:not([hidden]) .badge").click()
    assert len(report.find_elements(By.CSS_SELECTOR, ".detail")) == 1


def test_a_marker_says_its_numbers_when_it_is_pointed_at(report: Any) -> None:
    go_to(report, "figures")
    figure = report.find_element(By.CSS_SELECTOR, "#fig-accuracy_time-0 svg")
    report.execute_script("arguments[0].scrollIntoView({block: 'center'})", figure)
    place = report.execute_script(
        _FROM_THE_MIDDLE,
        figure,
    )
    ActionChains(report).move_to_element_with_offset(figure, *place).perform()
    said = report.find_element(By.ID, "tip")
    assert said.is_displayed() and said.text.startswith("dpdsyn, epsilon") and "accuracy 0.8500" in said.text
    ActionChains(report).move_to_element(report.find_element(By.CSS_SELECTOR, "#figures h2")).perform()
    assert not said.is_displayed()


def test_the_search_goes_to_methods_data_sets_figures_and_tables_by_keyboard(report: Any) -> None:
    report.find_element(By.TAG_NAME, "body").send_keys("/")
    field = report.find_element(By.ID, "search")
    assert report.switch_to.active_element == field

    def found() -> list[str]:
        return [line.text.split("\n")[0] for line in report.find_elements(By.CSS_SELECTOR, '#found [role="option"]')]

    field.send_keys("aim")
    wait_for(report, lambda: found()[:1] == ["aim"])
    field.send_keys(Keys.ENTER)
    wait_for(report, lambda: set(shown(report)) == {"aim"} and len(shown(report)) == 2)
    wait_for(report, lambda: report.execute_script("return document.activeElement.id") == "leaderboard")
    field.send_keys("against time toy")
    wait_for(report, lambda: len(found()) == 1)
    field.send_keys(Keys.ENTER)
    wait_for(report, lambda: report.execute_script("return document.activeElement.id") == "fig-accuracy_time-0")
    field.send_keys("toy against table")
    wait_for(report, lambda: len(found()) > 1)
    second = found()[1]
    field.send_keys(Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ARROW_DOWN, Keys.ENTER)
    wait_for(report, lambda: report.switch_to.active_element.tag_name == "table")
    opened = report.switch_to.active_element
    assert opened.find_element(By.TAG_NAME, "caption").text == second and opened.is_displayed()
    field.send_keys("nothing like it")
    wait_for(report, lambda: "nothing of that name" in report.find_element(By.ID, "found").text)
    field.send_keys(Keys.ESCAPE)
    assert not report.find_element(By.ID, "found").is_displayed()


def test_the_answer_leads_to_its_records(browser: Any) -> None:  # noqa: F811
    browser.get((ROOT / "results" / "report.html").as_uri())
    browser.find_element(By.CSS_SELECTOR, "#answer details summary").click()
    links = browser.find_elements(By.CSS_SELECTOR, "#answer details a[data-dataset]")
    wanted = links[3].get_attribute("data-dataset"), links[3].get_attribute("data-epsilon")
    links[3].send_keys(Keys.ENTER)
    wait_for(browser, lambda: {(one, other) for one, other in zip(shown(browser, 2), shown(browser, 3), strict=True)} == {wanted})
    wait_for(browser, lambda: browser.execute_script("return document.activeElement.id") == "leaderboard")


def test_it_says_so_where_the_browser_cannot_unpack(browser: Any, tmp_path: Path) -> None:  # noqa: F811
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.DecompressionStream"})
    browser.get(write(View.of(few()), tmp_path).as_uri())
    go = browser.find_element(By.CSS_SELECTOR, 'nav a[href="#figures"]')
    go.click()
    wait_for(browser, lambda: "cannot unpack" in browser.find_element(By.CSS_SELECTOR, "#figures .packed").text)
    assert shown(browser)[0] == "real", "the first rows stand there all the same"
    button(browser, "dpdsyn").send_keys(Keys.ENTER)
    wait_for(browser, lambda: "results/records.jsonl" in browser.find_element(By.CSS_SELECTOR, ".detail").text)
    Select(browser.find_element(By.ID, "epsilon")).select_by_value("4")
    wait_for(browser, lambda: "cannot unpack" in browser.find_element(By.ID, "shown").text)
    assert not browser.get_log("browser")


def test_print_has_the_figures_and_none_of_the_controls(browser: Any, tmp_path: Path) -> None:  # noqa: F811
    browser.get(write(View.of(few()), tmp_path).as_uri())
    time.sleep(1)  # until it has had time to unpack
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.find_element(By.CSS_SELECTOR, "#fig-accuracy_epsilon-0 svg").is_displayed()
    for hidden in ("header", "#filters", "#answer details"):
        assert not browser.find_element(By.CSS_SELECTOR, hidden).is_displayed(), hidden


def test_it_can_be_read_by_day_and_by_night(report: Any) -> None:
    grounds = set()
    for _ in range(2):
        names = ["ink", "faint", "link", "warn", "none", "green", "orange", "gold", "blue", "purple", "other"]
        contrasts = report.execute_script(_CONTRASTS, names)
        assert min(contrasts.values()) >= 4.5, contrasts
        grounds.add(report.execute_script("return getComputedStyle(document.body).backgroundColor"))
        report.find_element(By.ID, "theme").send_keys(Keys.ENTER)
        time.sleep(0.1)
    assert len(grounds) == 2


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_the_committed_report_fits_the_screen(browser: Any, size: tuple[int, int]) -> None:  # noqa: F811
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get((ROOT / "results" / "report.html").as_uri())
    assert browser.execute_script(_OVERFLOW) == []
    browser.find_element(By.CSS_SELECTOR, "#board tr.row:not([hidden]) .open").click()
    for section in ("winners", "figures", "scale", "audits", "tables", "reproduce"):
        go_to(browser, section)
        assert browser.execute_script(_OVERFLOW) == [], section
    browser.execute_script("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    wait_for(browser, lambda: not browser.find_elements(By.CSS_SELECTOR, "details > .packed:not([data-state=open])"))
    assert browser.execute_script(_OVERFLOW) == []
    assert browser.execute_script(_UNNAMED) == 0
    assert not browser.get_log("browser")
