"""The page of scenarios says what is: every key, every trigger, an example that is one."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from intentml.scenarios.scenario import AGES, Offer, Scenario, Step, presets, scenario_of
from intentml.timeline.waits import Wait

PAGE = (Path(__file__).parents[3] / "serving" / "scenarios" / "README.md").read_text(encoding="utf-8")
KEYS = {
    *(name for name in Scenario.model_fields if name != "name"),  # it is the file's
    *Step.model_fields,
    *(f"offer.{name}" for name in Offer.model_fields),
}


def test_every_key_has_a_row_and_every_row_a_key() -> None:
    assert set(re.findall(r"^\| `([\w.]+)` \|", PAGE, re.MULTILINE)) == KEYS


def test_the_example_is_a_scenario_that_names_every_key() -> None:
    [block] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    told = yaml.safe_load(block)
    found = scenario_of("shown", told)
    assert [step.name for step in found.steps] == ["reminder", "reminder", "code"]
    steps = told["steps"]
    named = {*told, *(key for step in steps for key in step)}
    named |= {f"offer.{key}" for step in steps for key in step.get("offer", {})}
    assert named == KEYS


def test_the_traits_that_a_scenario_starts_from_are_all_named() -> None:
    triggers = PAGE.split("**Triggers.**")[1].split("- `event(...)`")[0]
    assert set(re.findall(r"`(\w+)`", triggers)) == set(AGES)


def test_the_scenarios_of_the_package_and_what_is_taken_for_granted_are_told() -> None:
    assert f"({', '.join(f'`{name}`' for name in presets())})" in PAGE
    assert Scenario.model_fields["expires_after"].default == Wait(7, "day")
    assert "| 7 days |" in PAGE
