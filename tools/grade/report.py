"""What a grading found: as lines, as a table for a spreadsheet, and as a page to read."""

import csv
import io
import os
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jinja2
from checks.exercise import find
from checks.message import marked
from checks.standing import WORDS as OF_CHECKS
from checks.standing import Trouble

TEMPLATE = Path(__file__).with_name("report.html")

#: How an exercise stands.
WORDS = OF_CHECKS | {"!": "does not count", "·": "not handed in"}

#: What joins letters and keeps them apart, in Persian names and in emoji; it is not printed, and does no harm.
JOINERS = "\u200c\u200d"


@dataclass
class Result:
    """What was found in one submission; ``failure`` says why it was not graded, if it was not."""

    submission: object
    assignment: object
    exercises: dict
    remarks: list
    failure: str

    @property
    def student(self):
        return plain(self.submission.student)

    @property
    def place(self):
        return plain(self.submission.place)

    @property
    def status(self):
        """What became of it, in words."""
        if self.failure:
            return "not graded"
        return "graded" if self.submission.notebooks else "nothing handed in"

    @cached_property
    def points(self):
        """What was earned."""
        return sum(self.earned(name) for name in self.assignment.points)

    def earned(self, name):
        return self.assignment.points[name] if self.exercises[name][0] == "✓" else 0

    @cached_property
    def lines(self):
        """What there is to say about it, a line each."""
        failure = [f"not graded: {self.failure}"] if self.failure else []
        return [plain(line) for line in [*failure, *self.submission.remarks, *self.remarks]]

    @cached_property
    def mistakes(self):
        """Exercise → the sentence that names the mistake, for those that were tried."""
        return {name: plain(message) for name, (symbol, message) in self.exercises.items()
                if symbol == "✗" and message}


def plain(text):
    """Text as one line without anything that a terminal would obey."""
    return "".join(c if c.isprintable() or c in JOINERS else " " if c.isspace() else "�" for c in str(text)).strip()


# The files


def reserve(folder, name):
    """The two files that the results will go to, as empty ones: never one that exists. Trouble if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, 10_000):
            stem = name if number == 1 else f"{name}-{number}"
            targets = [folder / f"{stem}{ending}" for ending in (".csv", ".html")]
            if not any(os.path.lexists(target) for target in targets):
                with suppress(FileExistsError):  # another grading has just taken them
                    for target in targets:
                        target.touch(exist_ok=False)
                    return targets
    except OSError as error:
        raise Trouble(f"{folder} cannot hold the results: {error.strerror}. Nothing was graded; mend that, or name "
                      "another folder with --course.") from None
    raise Trouble(f"{folder} is full of results of {name}. Move some of them away.")


def release(targets):
    """Remove files that were reserved, and never written to."""
    for target in targets:
        target.unlink(missing_ok=True)


def write(targets, results, assignment):
    """Write the results into the files that are theirs; returns lines on what was written, and on what was not.

    A table that cannot be written is among the first, so that it is not lost.
    """
    said, failures = [], []
    for target, text_of in zip(targets, (table, page)):
        text = text_of(results, assignment)
        unfinished = target.with_name(target.name + ".unfinished")
        try:
            unfinished.write_text(text, "utf-8", newline="")
            os.replace(unfinished, target)
            said.append(f"Written: {target}")
        except OSError as error:
            for path in (unfinished, target):
                with suppress(OSError):
                    path.unlink()
            failures.append(f"{target} could not be written: {error.strerror}.")
            if text_of is table:
                failures.append("The table was printed instead; it is complete.")
                said.append(text)
    return said, failures


def summary(results, assignment):
    """What was found, as lines: how many, and what there is to look at."""
    graded = [result for result in results if result.status == "graded"]
    counts = Counter(result.status for result in results)
    said = ", ".join(f"{counts[status]} {status}" for status in ("graded", "nothing handed in", "not graded")
                     if counts[status])
    average = sum(result.points for result in graded) / max(1, len(graded))
    lines = [f"{len(results)} submission{'s' * (len(results) != 1)}: {said}. On average those graded have "
             f"{number(round(average, 1))} of {number(sum(assignment.points.values()))} points."]
    lines += [f"! {result.place}: {line}" for result in results for line in result.lines]
    return "\n".join(lines)


def number(x):
    """A number of points, without needless zeros."""
    return f"{x:.6f}".rstrip("0").rstrip(".")


def table(results, assignment):
    """The results as comma-separated values, one row for each submission; a mark that was not given is empty."""
    out = io.StringIO()
    out.write("\ufeff")  # by which Excel knows that it is Unicode
    writer = csv.writer(out)
    writer.writerow(["student", "submission", "status", "points", "out of", *assignment.points, "remarks"])
    for result in results:
        points = [""] * (1 + len(assignment.points)) if result.failure else [
            number(result.points), *(number(result.earned(name)) for name in assignment.points)]
        writer.writerow([inert(result.student), inert(result.place), result.status, points[0],
                         number(sum(assignment.points.values())), *points[1:], inert("; ".join(result.lines))])
    return out.getvalue()


def inert(text):
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if re.match(r"[=+\-@]", text) else text


def page(results, assignment):
    """The results as a page: everything on it in one file."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True,
                                     undefined=jinja2.StrictUndefined)
    environment.filters |= {"number": number, "marked": marked}
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    return template.render(assignment=assignment, results=results, words=WORDS, headline=summary(results, assignment)
                           .partition("\n")[0], exercises=[described(name, results, assignment)
                                                           for name in assignment.points])


def described(name, results, assignment):
    """An exercise as the page shows it: how it stands with all, and which mistakes were made how often."""
    exercise = find(name)
    graded = [result for result in results if result.status == "graded"]
    mistakes = Counter(result.mistakes[name] for result in graded if name in result.mistakes)
    return {"name": name, "title": exercise.title, "grade": exercise.grade, "points": assignment.points[name],
            "counts": Counter(result.exercises[name][0] for result in graded),
            "mistakes": [(message, count, [result.student for result in graded if result.mistakes.get(name) == message])
                         for message, count in mistakes.most_common()]}
