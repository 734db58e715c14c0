"""The page for teachers, book/teaching.md: what it says of chapters and exercises is what they say of themselves.

Each rule yields what is wrong with a page, and is proved to find a fault that is planted in it.
"""

import re

import pytest
import yaml
from checks.exercise import exercises

from tools import notebooks

ROOT = notebooks.ROOT
PAGE = (ROOT / "book" / "teaching.md").read_text("utf-8")

CHAPTERS = {notebooks.slug(path): notebooks.read(path)
            for path in notebooks.in_reading_order(ROOT) if notebooks.is_chapter(path)}
EXERCISES = {"ex-" + re.sub(r"[._]", "-", one.name): one for one in exercises()}
HOURS = {"Two": 2, "Six": 6, "Twelve": 12}

LINK = re.compile(r"\{ref\}`([^<`]+?)\s+<([^>`]+)>`")
TOGETHER = re.compile(r"^\| \*\*(\d+)\*\* \| together \|$", re.MULTILINE)
ROW = re.compile(r"^\| (\d+) \| \**(Show|Do|Break)\b\**(.*) \|$", re.MULTILINE)
HOMEWORK = re.compile(r"^\*\*[\w ]+, (\d+) minutes:\*\*(.*?)\n\n", re.MULTILINE | re.DOTALL)


def part(page, label):
    """What stands between a label and the next one in front of a heading, or the end."""
    return re.split(r"^\(.+\)=$", page.partition(f"({label})=\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def sections(text, level):
    """Heading → what stands below it, for the headings of one level."""
    pieces = re.split(rf"^#{{{level}}} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2]))


def set_in(text):
    """The labels of the exercises that a text names, in order."""
    return [label for _, label in LINK.findall(text) if label.startswith("ex-")]


def shown_in(text):
    """The slugs of the chapters that a text names, in order."""
    return [label for _, label in LINK.findall(text) if label in CHAPTERS]


def headings(slug):
    text = "\n\n".join(notebooks.source(cell) for cell in CHAPTERS[slug]["cells"] if cell["cell_type"] == "markdown")
    return re.findall(r"^##+ (.+?) *$", text, re.MULTILINE)


def plans(page):
    """Hours → the sessions of the plan, in order, each as its text; the longest plan goes on from the one before it."""
    found = {}
    for label in ("teaching-two-hours", "teaching-six-hours", "teaching-twelve-hours"):
        text = part(page, label)
        hours = HOURS[re.search(r"^### (\w+) hours", text, re.MULTILINE)[1]]
        own = [text for text in sections(text, 4).values() if TOGETHER.search(text)] or [text]
        found[hours] = (found[6] if hours == 12 else []) + own
    return found


# What is named


def exercises_are_named_by_their_titles(page):
    for name, label in LINK.findall(page):
        if label.startswith("ex-") and (label not in EXERCISES or EXERCISES[label].title != " ".join(name.split())):
            yield f"{label} is not an exercise called {name!r}."


def sections_that_are_shown_exist(page):
    for _, kind, text in ROW.findall(page):
        if kind == "Show":
            _, slug = LINK.search(text).groups()
            if slug not in CHAPTERS:
                yield f"There is no chapter {slug}."
                continue
            named = re.findall(r"\*([^*]+)\*", text.partition(". ")[0])
            for name in named:
                if name not in headings(slug):
                    yield f"The chapter {slug} has no section {name!r}."
            if not named:
                yield f"No section is named in: {text}"


# Outcomes


def outcomes_are_tested_by_exercises_of_their_part(page):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    parts = {one["caption"]: [notebooks.slug(chapter["file"]) for chapter in one["chapters"]]
             for one in toc["parts"] if one.get("numbered")}
    listed = sections(sections(page, 2)["Learning outcomes"], 3)
    if list(listed) != list(parts):
        yield f"The parts are {list(parts)}, not {list(listed)}."
    for caption in parts.keys() & listed.keys():
        outcomes = re.findall(r"^- (.+?)(?=^- |\Z)", listed[caption], re.MULTILINE | re.DOTALL)
        if not 3 <= len(outcomes) <= 5:
            yield f"{caption} has {len(outcomes)} outcomes."
        for outcome in outcomes:
            if not set_in(outcome):
                yield f"No exercise tests: {outcome}"
            for label in set_in(outcome):
                if EXERCISES[label].chapter not in parts[caption]:
                    yield f"{label} does not stand in {caption}."


# Plans


def minutes_of_a_session_add_up(page):
    for sessions in plans(page).values():
        for session in sessions:
            total, minutes = int(TOGETHER.search(session)[1]), [int(row[0]) for row in ROW.findall(session)]
            if sum(minutes) != total or len(minutes) != len(re.findall(r"^\| \d", session, re.MULTILINE)):
                yield f"{' + '.join(map(str, minutes))} is {sum(minutes)}, not {total}."


def a_plan_lasts_as_long_as_it_says(page):
    for hours, sessions in plans(page).items():
        minutes = sum(int(TOGETHER.search(session)[1]) for session in sessions)
        if minutes != 60 * hours:
            yield f"The plan for {hours} hours has {minutes} minutes."


def exercises_take_the_minutes_declared(page):
    for minutes, kind, text in ROW.findall(page):
        if kind == "Do" and [EXERCISES[label].minutes for label in set_in(text)] != [int(minutes)]:
            yield f"{text} does not take {minutes} minutes."
    for minutes, text in HOMEWORK.findall(page):
        declared = sum(EXERCISES[label].minutes for label in set_in(text))
        if declared != int(minutes):
            yield f"{set_in(text)} take {declared} minutes, not {minutes}."


def the_assignments_can_be_made_as_they_are_set(page):
    lines = re.findall(r"^\*\*Assignment,.*?\n\n```\nmake assignment NAME=[\w-]+ CHAPTERS=\"([^\"]+)\"\n```$", page,
                       re.MULTILINE | re.DOTALL)
    assigned = [set_in(text) for text in re.findall(r"^(\*\*Assignment,.*?)\n\n", page, re.MULTILINE | re.DOTALL)]
    expected = [" ".join(EXERCISES[label].name for label in labels) for labels in assigned]
    if lines != expected:
        yield f"The commands should name {expected}, not {lines}."


def what_is_done_in_the_room_is_for_all_and_is_answered(page):
    for sessions in plans(page).values():
        for session in sessions:
            if ROW.findall(session)[-1][1] != "Show":
                yield "A session ends before the last exercise has been answered."
            for _, kind, text in ROW.findall(session):
                if kind == "Do" and EXERCISES[set_in(text)[0]].grade == "stretch":
                    yield f"{set_in(text)[0]} is a stretch exercise."


def an_exercise_comes_once_and_after_its_chapter(page):
    for hours, sessions in plans(page).items():
        shown, given = set(), set()
        for session in sessions:
            for line in session.splitlines():
                shown.update(shown_in(line) if "| Show " in line else [])
                for label in set_in(line):
                    if EXERCISES[label].chapter not in shown:
                        yield f"{hours} hours: {label} comes before anything of {EXERCISES[label].chapter} is shown."
                    if label in given:
                        yield f"{hours} hours: {label} is set twice."
                    given.add(label)


def reading_minutes_are_those_of_the_map(page):
    intro = (ROOT / "book" / "intro.md").read_text("utf-8")
    alone = {slug: int(minutes) for slug, minutes in re.findall(r"<([\w-]+)>` \| (\d+) \|", intro)}
    before = set()
    for hours, sessions in plans(page).items():
        shown = {slug for session in sessions for row in ROW.findall(session) for slug in shown_in(row[2])}
        minutes = sum(alone[slug] for slug in shown - (before if hours == 12 else set()))
        label = next(f"teaching-{name.lower()}-hours" for name in HOURS if HOURS[name] == hours)
        [said] = re.findall(r"takes\s+(\d+)\s+minutes", part(page, label))
        if int(said) != minutes:
            yield f"{hours} hours: the map says {minutes} minutes, not {said}."
        before = shown


# Misconceptions


def every_chapter_has_misconceptions(page):
    listed = sections(part(page, "teaching-misconceptions"), 3)
    titles = [notebooks.title(CHAPTERS[slug]) for slug in CHAPTERS]
    if list(listed) != titles:
        yield f"The chapters are {titles}, not {list(listed)}."
    for slug, title in zip(CHAPTERS, titles):
        rows = re.findall(r"^\| (?!students think|-)(.+) \|$", listed.get(title, ""), re.MULTILINE)
        if not 2 <= len(rows) <= 4 and title in listed:
            yield f"{slug} has {len(rows)} misconceptions."
        for row in rows:
            found = re.fullmatch(r"\S.* \| \{ref\}`[^`]+ <(ex-[^>]+)>`: \S.*\.", row)
            if not found or EXERCISES[found[1]].chapter != slug:
                yield f"No exercise of {slug} exposes: {row}"


# The minutes of all exercises


def table_of_minutes_is_what_is_declared(page):
    grades = ("easy", "core", "stretch")
    rows = re.findall(r"^\| (.+) \| \**(\d+)\** \| \**(\d+)\** \| \**(\d+)\** \| \**(\d+)\** \|$",
                      part(page, "teaching-questions"), re.MULTILINE)
    found = {(LINK.search(name) or [name, "", "together"])[2]: list(map(int, numbers)) for name, *numbers in rows}
    declared = {}
    for slug in [*CHAPTERS, "together"]:
        own = [one for one in EXERCISES.values() if slug in (one.chapter, "together")]
        declared[slug] = [len(own), *(sum(one.minutes for one in own if one.grade == grade) for grade in grades)]
    if list(found) != list(declared):
        yield f"The rows should be {list(declared)}, not {list(found)}."
    for slug in declared.keys() & found.keys():
        if found[slug] != declared[slug]:
            yield f"{slug}: {declared[slug]} is declared, {found[slug]} stands in the table."


RULES = (exercises_are_named_by_their_titles, sections_that_are_shown_exist,
         outcomes_are_tested_by_exercises_of_their_part, minutes_of_a_session_add_up, a_plan_lasts_as_long_as_it_says,
         exercises_take_the_minutes_declared, the_assignments_can_be_made_as_they_are_set,
         what_is_done_in_the_room_is_for_all_and_is_answered,
         an_exercise_comes_once_and_after_its_chapter, reading_minutes_are_those_of_the_map,
         every_chapter_has_misconceptions, table_of_minutes_is_what_is_declared)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_page_keeps_the_rule(rule):
    problems = list(rule(PAGE))
    assert not problems, "book/teaching.md:\n" + "\n".join(problems)


DO = "| 15 | **Do** {ref}`The sweep <ex-reverse-backward>` |"
LAST = "\n| **120** | together |"


@pytest.mark.parametrize("rule, old, new", [
    (exercises_are_named_by_their_titles, "Fill in the adjoints <", "Fill in the trace <"),
    (exercises_are_named_by_their_titles, "<ex-reverse-adjoints>", "<ex-reverse-adjoint>"),
    (sections_that_are_shown_exist, "*Ten digits lost*", "*Nine digits lost*"),
    (sections_that_are_shown_exist, "<why-autodiff>`: *Ten", "<why>`: *Ten"),
    (outcomes_are_tested_by_exercises_of_their_part, "### Part II · Forward mode", "### Part II · Backward mode"),
    (outcomes_are_tested_by_exercises_of_their_part, "<ex-graphs-softplus>`)", "<ex-forward-div>`)"),
    (minutes_of_a_session_add_up, DO, DO.replace("15", "16")),
    (minutes_of_a_session_add_up, DO, DO.replace("Do", "Try")),
    (a_plan_lasts_as_long_as_it_says, LAST, LAST.replace("120", "119")),
    (exercises_take_the_minutes_declared, DO, DO.replace("15", "16")),
    (exercises_take_the_minutes_declared, "**Assignment, 38", "**Assignment, 39"),
    (the_assignments_can_be_made_as_they_are_set, 'CHAPTERS="chain_rule.push ', 'CHAPTERS="chain_rule.slope '),
    (what_is_done_in_the_room_is_for_all_and_is_answered, LAST, "\n" + DO + LAST),
    (what_is_done_in_the_room_is_for_all_and_is_answered, DO, DO.replace("reverse-backward", "reverse-children-first")),
    (an_exercise_comes_once_and_after_its_chapter, LAST, "\n" + DO + LAST),
    (an_exercise_comes_once_and_after_its_chapter, DO, DO.replace("reverse-backward", "forward-div")),
    (reading_minutes_are_those_of_the_map, "takes 405 minutes", "takes 404 minutes"),
    (every_chapter_has_misconceptions, "### Matrix products\n", "### Products\n"),
    (every_chapter_has_misconceptions, "`: It is 0, and what", "` It is 0, and what"),
    (every_chapter_has_misconceptions, "<ex-batch-thinned>`: ", "<ex-tensor-distances>`: "),
    (table_of_minutes_is_what_is_declared, "<tensor>` | 6 | 5 |", "<tensor>` | 6 | 6 |"),
    (table_of_minutes_is_what_is_declared, "| **121** |", "| **120** |"),
])
def test_the_rule_finds_a_fault(rule, old, new):
    assert old in PAGE
    assert list(rule(PAGE.replace(old, new, 1)))
