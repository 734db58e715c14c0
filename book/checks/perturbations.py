"""Exercises on derivatives as perturbations."""

from math import exp

from checks.exercise import Exercise
from checks.tests import agrees, at, numbers

Exercise(
    "perturbations.root", 2.025,
    chapter="perturbations",
    title="A square root without a calculator",
    kind="predict", grade="easy", minutes=4,
    tolerance=1e-6,
    wrong=[
        (2.0248, "That is the root itself, or very nearly. What does the straight line say, before you look it up?"),
        (2.02484567, "That is the root itself. What does the straight line say, before you look it up?"),
        (2.25, "A nudge of 1 would do that, as far as the line says. The nudge is 0.1."),
        (2.05, "That is the move for a slope of 1/√x. The slope of √x is 1/(2√x): at x = 4 it is 1/4."),
        (2.1, "You moved the output by the nudge itself. The output moves by the slope times the nudge."),
        (0.025, "That is by how much the output moves. Where does it start?"),
        (4.025, "You added the move to x = 4. The output starts at √4."),
        (2.0125, "A slope of 1/8 would be 1/(2x). The slope of √x is 1/(2√x)."),
        (1.975, "The right size, the wrong way: the square root grows."),
    ],
    hints=[
        "At which point near 4.1 do you know the square root and its slope?",
        "The output moves by about the slope times the nudge, and the nudge is 0.1.",
        "√4 + 0.1 · 1/(2√4).",
    ],
    note="The true value is 2.02485, so the estimate is too large by 0.00015. It had to be too large: the square root "
         "bends downwards, away below its tangent.",
)


def residual(x, h):
    """What (x + h)³ has beyond the value at x and the slope times h."""
    return 3 * x * h**2 + h**3


Exercise(
    "perturbations.residual", residual,
    chapter="perturbations",
    title="The residual of a cube",
    kind="derive", grade="easy", minutes=8,
    tests=[
        at(2.0, 0.5, gives=1.625),
        at(-1.0, 1.0, gives=-2.0),
        agrees(numbers(2)),
        at(1e5, 1e-3, gives=0.3 + 1e-9),
    ],
    wrong=[
        (lambda x, h: 3 * x * h**2, "The last term is missing: expand (x + h)³ to its end, h³ included."),
        (lambda x, h: (x + h) ** 3 - x**3, "The slope times h has not been taken away yet."),
        (lambda x, h: -3 * x * h**2 - h**3, "The sign: the residual is what f(x + h) has beyond the straight line."),
        (lambda x, h: 3 * x**2 * h + h**3, "Of the four terms, take 3x² h away and keep 3x h²."),
        (lambda x, h: x * h**2 + h**3, "(x + h)³ holds the product x h² three times: x can come from each factor."),
        (lambda x, h: (x + h) ** 3 - x**3 - 3 * x**2, "Take away the slope times the nudge, not the slope."),
        (lambda x, h: (x + h) ** 3 - x**3 - 3 * x**2 * h,
         "Right on paper, and wrong in floats where x is large beside h: what the three terms leave is lost in their "
         "rounding. Multiply (x + h)³ out, and let the large terms cancel by hand."),
        (lambda x, h: h**2, "That is the residual of x². Expand (x + h)³ in the same way."),
        (lambda x, h: 3 * x * h + h**2, "You divided by h. The residual is a distance on the axis of the output."),
    ],
    hints=[
        "Write (x + h)³ = (x + h)(x + h)(x + h) and multiply it out: four terms.",
        "Take away x³, the value, and 3x² h, the slope times the nudge.",
        "What is left has a factor h², as the chapter promises.",
    ],
    note="Both terms carry h², so the residual divided by h goes to 0 with h. That is the whole statement that 3x² is "
         "the derivative of x³.",
)


def second_derivative(f, x, h=1e-4):
    """The second derivative of f at x, from the values of f at x − h, x and x + h."""
    return (f(x + h) - 2 * f(x) + f(x - h)) / h**2


def square(x):
    return x**2


def cube(x):
    return x**3


def curves(generator):
    """A cubic with its point: the terms with h and h³ cancel in the second difference, whatever the step."""
    a, b, c, d = (generator.uniform(-2, 2) for _ in range(4))

    def cubic(x):
        return a + b * x + c * x**2 + d * x**3

    return cubic, generator.uniform(-1, 1), generator.choice([0.1, 0.2, 0.5])


Exercise(
    "perturbations.second_derivative", second_derivative,
    chapter="perturbations",
    title="A second derivative from three values",
    kind="fill in", grade="core", minutes=12,
    tests=[
        at(square, 3.0, 0.5, gives=2.0),
        at(cube, 2.0, 0.1, gives=12.0),
        agrees(curves),
    ],
    wrong=[
        (lambda f, x, h=1e-4: (f(x + h) - f(x - h)) / (2 * h), "That is the first derivative, a central difference."),
        (lambda f, x, h=1e-4: (f(x + h) - 2 * f(x) + f(x - h)) / h, "The numerator is about f″(x) h²: divide by h²."),
        (lambda f, x, h=1e-4: (f(x + h) - 2 * f(x) + f(x - h)) / (2 * h),
         "The numerator is about f″(x) h²: divide by h². The 2h belongs to the first derivative."),
        (lambda f, x, h=1e-4: f(x + h) - 2 * f(x) + f(x - h),
         "That is about f″(x) h². Divide by h². (`/ h * h` divides by h and multiplies by h again: write `/ h**2`.)"),
        (lambda f, x, h=1e-4: (f(x + h) - 2 * f(x) + f(x - h)) / (2 * h**2),
         "The two halves ½ f″(x) h², from the right and from the left, make one whole: no 2 below."),
        (lambda f, x, h=1e-4: (f(x + h) - 2 * f(x) + f(x - h)) / (4 * h**2),
         "The points are h apart, not 2h: divide by h²."),
        (lambda f, x, h=1e-4: (f(x + h) + 2 * f(x) + f(x - h)) / h**2, "The sign of the middle term: for a constant f "
         "the numerator has to vanish."),
        (lambda f, x, h=1e-4: (f(x + h) - f(x) + f(x - h)) / h**2, "For a constant f the numerator has to vanish: how "
         "often do you need f(x)?"),
        (lambda f, x, h=1e-4: (f(x + h) + f(x - h)) / h**2, "For a constant f the numerator has to vanish: something "
         "with f(x) is missing."),
        (lambda f, x, h=1e-4: (f(x + 2 * h) - 2 * f(x + h) + f(x)) / h**2,
         "Your three points lie to the right of x, so you measure at x + h. Put x in the middle."),
        (lambda f, x, h=1e-4: (f(x + 2 * h) - 2 * f(x) + f(x - 2 * h)) / h**2,
         "Your outer points are 2h away from x: take f(x + h) and f(x − h)."),
    ],
    hints=[
        "Expand f(x + h) and f(x − h) to the term with h². Which combination leaves only that term?",
        "In the sum f(x + h) + f(x − h) the slopes cancel. What has to be taken away?",
        "f(x + h) − 2 f(x) + f(x − h) = f″(x) h² + a smaller rest.",
    ],
    note="Differencing twice costs precision: the rounding error is divided by h² here. The best step is near the "
         "fourth root of the spacing of floats, 1e-4, and eight digits are the most that can be had.",
)


def slope(f, x):
    """The derivative of f at x by a central difference."""
    h = 1e-5 * max(1.0, abs(x))
    return (f(x + h) - f(x - h)) / (2 * h)


def slope_stub(f, x):
    """The derivative of f at x by a central difference."""
    h = 1e-5 * abs(x)
    return (f(x + h) - f(x - h)) / (2 * h)


def triple(x):
    return 3 * x


def flat_parabola(x):
    return x**2 / 1e8


def with_step(step):
    """A central difference whose step is computed from x."""
    def slope(f, x):
        h = step(x)
        return (f(x + h) - f(x - h)) / (2 * h)
    return slope


Exercise(
    "perturbations.slope", slope,
    chapter="perturbations",
    title="A step that vanishes",
    kind="spot the bug", grade="core", minutes=10,
    stub=slope_stub,
    tolerance=1e-5,
    tests=[
        at(square, 3.0, gives=6.0),
        at(triple, 0.0, gives=3.0),
        at(exp, 0.0, gives=1.0),
        at(exp, 1e-12, gives=1.0),
        at(flat_parabola, 1e8, gives=2.0),
        at(flat_parabola, -1e8, gives=-2.0),
    ],
    wrong=[
        (with_step(lambda x: 1e-5),
         "Near 0 that is right. At x = 1e8 floats lie 1.5e-8 apart, so a step of 1e-5 is off by a ten-thousandth: "
         "let the step grow with |x|."),
        (lambda f, x: 0.0 if x == 0 else with_step(lambda x: 1e-5 * abs(x))(f, x),
         "At x = 0 the slope need not be 0: 3x has slope 3 everywhere."),
        (with_step(lambda x: 1e-5 * abs(x) or 1e-5),
         "At 0 itself that is right. Beside it, at x = 1e-12, the step is still a share of x, 1e-17, and is lost in "
         "the rounding of f."),
        (with_step(lambda x: 1e-5 * abs(x) + 1e-300),
         "A step of 1e-300 avoids the division by zero and nothing else: exp(1e-300) is rounded to 1."),
        (with_step(lambda x: 1e-5 * max(1.0, x)),
         "For negative x your step does not grow: |x| decides, not x."),
        (lambda f, x: 2 * slope(f, x), "The two points are 2h apart."),
    ],
    hints=[
        "Try slope(lambda x: 3 * x, 0.0).",
        "The step is a fixed share of |x|. What does that give at x = 0, and close to it?",
        "Let the step follow |x| where |x| is large, and stay at 1e-5 where it is not: max has two arguments.",
    ],
    note="A fixed step of 1e-5 would only move the fault to large x, where the nearest floats to x + h and x − h are "
         "no longer 2h apart.",
)
