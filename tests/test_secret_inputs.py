"""Grading: the verdict at inputs of the teacher's own, for one exercise made here and for all of the book."""

import random

import checks
import pytest
from checks import check, grading
from checks.exercise import NOT_STARTED, PASSED, Exercise, exercises, registry
from checks.grading import NotPassed, Verdict, require
from checks.tests import agrees, at, numbers, seed

EXERCISES = exercises()
SEEDS = ["one", "two"]


def triple(x):
    """Three times x."""
    return 3 * x


@pytest.fixture(autouse=True)
def exercise(monkeypatch):
    """An exercise that no one has tried, whose mistake is in the catalogue."""
    for memory in ("lent", "given", "failures"):
        monkeypatch.setattr(checks, memory, {})
    monkeypatch.setattr(grading, "verdicts", {})
    before = dict(registry)
    yield Exercise(
        "grading.triple", triple, chapter="made-up", title="Made up", kind="fill in", grade="easy", minutes=1,
        tests=[at(2.0, gives=6.0), agrees(numbers(1))], wrong=[(lambda x: 2 * x, "That is twice x.")], hints=["3 x"])
    registry.clear()
    registry.update(before)


def refused(name="grading.triple", seed="s"):
    with pytest.raises(NotPassed) as caught:
        require(name, seed=seed)
    return str(caught.value)


def test_a_right_answer_is_passed_over_in_silence(capsys):
    check("grading.triple", lambda x: x + x + x)
    capsys.readouterr()
    assert require("grading.triple", seed="s") is None
    assert capsys.readouterr() == ("", "")
    assert grading.verdicts == {"grading.triple": Verdict("✓")}
    assert str(grading.verdicts["grading.triple"]) == "passed"


def test_a_wrong_answer_raises_with_its_mistake_in_one_line():
    check("grading.triple", lambda x: x + x)
    assert refused() == "grading.triple: not passed: That is twice x."
    assert grading.verdicts == {"grading.triple": Verdict("✗", "That is twice x.")}
    assert issubclass(NotPassed, AssertionError)


def test_what_was_not_answered_is_not_started():
    assert refused() == "grading.triple: not started"

    def triple(x):
        """Three times x."""

    check("grading.triple", triple)
    assert refused() == "grading.triple: not started"
    assert grading.verdicts == {"grading.triple": Verdict("○")}


def test_the_books_answer_earns_nothing():
    lent = check("grading.triple", lambda x: x + x)
    check("grading.triple", lent)
    assert refused() == "grading.triple: not started"
    check("grading.triple", triple)  # got by an import
    assert refused() == "grading.triple: not started"


def test_the_answer_that_was_last_checked_counts():
    check("grading.triple", lambda x: x + x)
    check("grading.triple", lambda x: x + x + x)
    require("grading.triple", seed="s")
    check("grading.triple", lambda x: x + x)
    refused()


def test_answers_learnt_by_heart_pass_the_check_and_not_the_hidden_test(exercise):
    public = {x: 3 * x for test in exercise.tests for x, in test.points(exercise)}
    by_heart = check("grading.triple", lambda x: public.get(x, 0.0))
    assert by_heart(2.0) == 6.0 and by_heart(2.5) == 0.0, "it was accepted"
    assert "not passed" in refused()


def test_an_exercise_that_does_not_exist_is_named():
    with pytest.raises(LookupError, match=r"no exercise 'forward\.sup'\. Is it forward\.sub"):
        require("forward.sup", seed="s")


def test_a_seed_changes_the_random_inputs_alone(exercise):
    by_hand, at_random = exercise.tests

    def inputs(test, text):
        token = seed.set(text)
        try:
            return test.points(exercise)
        finally:
            seed.reset(token)

    assert inputs(by_hand, "s") == inputs(by_hand, "t") == [(2.0,)]
    assert inputs(at_random, "s") == inputs(at_random, "s")
    assert not set(inputs(at_random, "s")) & (set(inputs(at_random, "t")) | set(at_random.points(exercise)))


def test_the_public_inputs_start_from_the_name_alone(exercise):
    generator = random.Random("grading.triple")
    assert exercise.tests[1].points(exercise) == [numbers(1)(generator) for _ in range(10)]


def test_after_a_hidden_test_the_inputs_are_the_public_ones_again(exercise, monkeypatch):
    public = exercise.tests[1].points(exercise)
    check("grading.triple", lambda x: x + x)
    refused()
    assert seed.get() == "" and exercise.tests[1].points(exercise) is public

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(checks, "judge", interrupted)
    with pytest.raises(KeyboardInterrupt):
        require("grading.triple", seed="s")
    assert seed.get() == ""


@pytest.mark.parametrize("text", SEEDS)
@pytest.mark.parametrize("exercise_of_the_book", EXERCISES, ids=lambda exercise: exercise.name)
def test_at_other_inputs_too_the_solution_passes_and_no_mistake_does(exercise_of_the_book, text):
    token = seed.set(text)
    try:
        solution = checks.judge(exercise_of_the_book, exercise_of_the_book.solution)
        assert solution is PASSED, f"{solution}\n{solution.details}"
        for place, (wrong, message) in enumerate(exercise_of_the_book.wrong):
            verdict = checks.judge(exercise_of_the_book, wrong)
            assert verdict not in (PASSED, NOT_STARTED) or wrong is exercise_of_the_book.stub, f"{place}: {message}"
    finally:
        seed.reset(token)
