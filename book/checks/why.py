"""Exercises on the four ways to differentiate."""

import cmath
import math

from checks.exercise import Exercise, Failure
from checks.tests import agrees, at, central


def written(formula):
    """Give a function its formula for a name, so that a message shows the reader what was differentiated."""
    def rename(function):
        function.__name__ = formula
        return function

    return rename


def hidden_slope(r, w, phi, x):
    """The derivative of one term of the loss by a hidden weight.

    r is the derivative of the term by the score, w the weight behind the unit,
    phi the unit's value, x the input that the hidden weight multiplies.
    """
    return r * w * phi * (1 - phi) * x


def sigmoid(a):
    return 1 / (1 + math.exp(-a))


def measured_slope(r, w, phi, x):
    """What ``hidden_slope`` should be, by nudging the hidden weight."""
    z = math.log(phi / (1 - phi))
    return r * central(lambda nudge: w * sigmoid(z + nudge * x), 0.0)


def one_unit(generator):
    """An error signal, a weight, the value of a hidden unit and an input, none of them special."""
    return (generator.uniform(0.2, 0.9), generator.uniform(-3.0, -1.5), generator.uniform(0.6, 0.9),
            generator.uniform(1.5, 3.0))


Exercise(
    "why.hidden_slope", hidden_slope,
    chapter="why-autodiff",
    title="One hidden weight, by hand",
    kind="derive", grade="core", minutes=15,
    tests=[
        at(0.5, -2.0, 0.25, 3.0, gives=-0.5625),
        agrees(one_unit, measured_slope, tolerance=1e-6),
    ],
    wrong=[
        (lambda r, w, phi, x: r * w * x,
         "The hidden unit's own σ is missing: from z to φ the derivative is σ'(z), and your formula takes it to be 1."),
        (lambda r, w, phi, x: r * w * phi * x,
         "You multiply by φ where σ'(z) belongs. σ'(z) is σ(z)(1 − σ(z)), and σ(z) is φ."),
        (lambda r, w, phi, x: r * w * sigmoid(phi) * (1 - sigmoid(phi)) * x,
         "You take σ' at φ. It belongs at z, and there it is σ(z)(1 − σ(z)) with σ(z) = φ: no further σ is needed."),
        (lambda r, w, phi, x: r * w * phi * (1 - phi),
         "The last factor is missing: when the hidden weight moves by h, z moves by x·h."),
        (lambda r, w, phi, x: r * phi * (1 - phi) * x,
         "The weight behind the unit is missing: when φ moves by h, the score moves by w·h."),
        (lambda r, w, phi, x: w * phi * (1 - phi) * x,
         "This is the derivative of the score, not of the term: from the score to the term it is r."),
        (lambda r, w, phi, x: -r * w * phi * (1 - phi) * x,
         "The size is right, the sign is not: the minus before the logarithm is inside r already."),
    ],
    hints=[
        "Follow a nudge of the hidden weight: it moves z, z moves φ, φ moves the score, the score moves the term.",
        "Each of these four steps multiplies by one derivative. Two of them are plain numbers that stand beside the "
        "thing that moves: x in z, and w in the score.",
        "From z to φ the derivative is σ'(z) = σ(z)(1 − σ(z)) = φ(1 − φ). From the score to the term it is r.",
    ],
    note="φ(1 − φ) needs no further exponential, because φ has been computed on the way. A derivative that reuses the "
         "values of the computation is cheap; this is the first thing that automatic differentiation does too.",
)


Exercise(
    "why.evaluations", (5101, 10200),
    chapter="why-autodiff",
    title="How many evaluations?",
    kind="predict", grade="easy", minutes=4,
    wrong=[
        ((5100, 10200), "The forward difference needs one evaluation more: f at the point itself, which all its "
                        "quotients share."),
        ((5101, 10201), "The central difference does not need f at the point itself."),
        ((5100, 10201), "The evaluation at the point itself is needed by one of the two: look for f(x) in both."),
        ((10200, 5101), "These are the right numbers in the other order: forward first, then central."),
        ((10200, 10200), "A forward difference evaluates f once at x for all of its quotients, not once for each."),
        ((5101, 5100), "A central difference evaluates f twice for each parameter: at x + h and at x − h."),
        ((5050, 10100), "Two things are missing. The weights behind the hidden units are parameters too; and the "
                        "forward difference needs one evaluation at the point itself."),
        ((5051, 10100), "There are more than 5050 parameters: each hidden unit has a weight for each input, one "
                        "constant, and one weight behind it."),
        ((5001, 10000), "There are more than 5000 parameters: the constants of the hidden units and the weights behind "
                        "them count too."),
        ((101, 200), "You count the inputs of the classifier. The loss is differentiated by the parameters."),
    ],
    hints=[
        "Two counts make the answer: how many parameters there are, and how many evaluations they need in each of the "
        "two methods. For the classifier of this chapter that is 3 · (2 + 1) + 3 = 12 and (13, 24).",
        "With 100 inputs and 50 hidden units there are 50 · (100 + 1) + 50 parameters.",
        "n + 1 evaluations for forward differences, 2n for central ones.",
    ],
    note="At one evaluation for each parameter, and each evaluation a pass over all of them, the cost of a gradient "
         "grows with the square of their number.",
)


def central_gradient(f, x, h):
    """The derivatives of f by each entry of the list x, by central differences."""
    slopes = []
    for i in range(len(x)):
        above = f([*x[:i], x[i] + h, *x[i + 1:]])
        below = f([*x[:i], x[i] - h, *x[i + 1:]])
        slopes.append((above - below) / (2 * h))
    return slopes


@written("x[0]**3 * x[1]")
def cubic(x):
    return x[0] ** 3 * x[1]


@written("x[0]**3 * x[1] + x[1]**3 * x[2] + x[2]**2 * x[0] * x[1]")
def three_inputs(x):
    return x[0] ** 3 * x[1] + x[1] ** 3 * x[2] + x[2] ** 2 * x[0] * x[1]


def three_numbers(generator):
    return three_inputs, [generator.uniform(1.0, 3.0) for _ in range(3)], 0.25


def two_evaluations_each(answer):
    """The answer calls f twice for each input."""
    calls = 0

    def counted(x):
        nonlocal calls
        calls += 1
        return three_inputs(x)

    answer(counted, [1.0, 2.0, 3.0], 0.25)
    if calls != 6:
        raise Failure(f"The derivatives are right, but f was evaluated {calls} times for 3 inputs. Two evaluations for "
                      "each input are enough: one above, one below.")


LEFT_MOVED = ("An input that has been moved stays moved while the next one is nudged: put it back, or start from a "
              "fresh copy of x for each input.")
NOT_QUITE_BACK = ("x is moved back, but not to where it was: x + h − h is not always x in floating-point arithmetic. "
                  "Keep the old number and put it back.")


def gradient_of_a_list(answer, f, x, h):
    """The answer's derivatives at x, if it leaves x as it is, to the last digit."""
    before = list(x)
    slopes = answer(f, x, h)
    for old, new in zip(before, x):
        if not math.isclose(old, new, rel_tol=1e-12):
            raise Failure(LEFT_MOVED)
        if old != new:
            raise answer.failure(NOT_QUITE_BACK, before=repr(old), after=repr(new))
    return slopes


def moved_in_place(back):
    """Central differences on x itself, whose entries are moved back by ``back`` times h at the end."""
    def gradient(f, x, h):
        slopes = []
        for i in range(len(x)):
            x[i] += h
            above = f(x)
            x[i] -= 2 * h
            slopes.append((above - f(x)) / (2 * h))
            x[i] += back * h
        return slopes

    return gradient


def on_one_copy(f, x, h):
    moved, slopes = list(x), []
    for i in range(len(x)):
        moved[i] += h
        above = f(moved)
        moved[i] -= 2 * h
        slopes.append((above - f(moved)) / (2 * h))
    return slopes


def everything_moves(f, x, h):
    above, below = f([v + h for v in x]), f([v - h for v in x])
    return [(above - below) / (2 * h) for _ in x]


def scaled_central(scale):
    return lambda f, x, h: [scale(h) * slope for slope in central_gradient(f, x, h)]


def forward(f, x, h):
    return [(f([*x[:i], v + h, *x[i + 1:]]) - f(x)) / h for i, v in enumerate(x)]


Exercise(
    "why.central_gradient", central_gradient,
    chapter="why-autodiff",
    title="The central difference",
    kind="fill in", grade="core", minutes=8,
    use=gradient_of_a_list,
    tests=[
        at(cubic, [1.0, 2.0], 1.0, gives=[8.0, 1.0]),
        agrees([(three_inputs, [1.1, 1.3, 1.7], 0.1)]),
        agrees(three_numbers),
        two_evaluations_each,
    ],
    wrong=[
        (forward, "This is the forward difference: it goes from x to x + h. The central one goes from x − h to x + h."),
        (lambda f, x, h: forward(f, x, -h),
         "This is a difference from x − h to x. The central one goes from x − h to x + h."),
        (scaled_central(lambda h: 2),
         "Your derivatives are twice too large: from x − h to x + h the input moves by 2h, not by h."),
        (scaled_central(lambda h: h * h),
         "`/ 2 * h` divides by 2 and then multiplies by h: write `/ (2 * h)`."),
        (scaled_central(lambda h: 2 * h),
         "The difference of the two values is not divided by the distance 2h between the two points."),
        (scaled_central(lambda h: -1),
         "The sign is turned round: the value above minus the value below."),
        (on_one_copy, LEFT_MOVED),
        (moved_in_place(back=0), LEFT_MOVED),
        (moved_in_place(back=1), NOT_QUITE_BACK),
        (everything_moves,
         "All inputs move at once. For a partial derivative one of them moves and the others are held."),
    ],
    hints=[
        "`forward_gradient` above does nearly the same. Which two points does the central difference compare?",
        "`[*x[:i], x[i] + h, *x[i + 1:]]` is a new list in which entry i alone has moved.",
        "For each i: the value above minus the value below, divided by `(2 * h)`.",
    ],
    note="Building a fresh list costs a little and cannot go wrong. Moving an entry in place needs care: x + h − h is "
         "not always x in floating-point arithmetic, so the old number has to be kept and put back.",
)


def complex_slope(f, x, h):
    """The derivative of f at x by the complex step."""
    return f(x + 1j * h).imag / h


def complex_slope_with_a_bug(f, x, h):
    """The derivative of f at x by the complex step."""
    return abs(f(x + 1j * h) - f(x)) / h


@written("x**3")
def cube(x):
    return x * x * x


@written("1 / x")
def one_over(x):
    return 1 / x


@written("exp(-x**2)")
def bell(x):
    return cmath.exp(-x * x)


Exercise(
    "why.complex_slope", complex_slope,
    chapter="why-autodiff",
    title="A complex step that goes wrong",
    kind="spot the bug", grade="core", minutes=6,
    stub=complex_slope_with_a_bug,
    tests=[
        at(cube, 2.0, 1e-20, gives=12.0),
        at(one_over, 2.0, 1e-20, gives=-0.25),
        at(bell, 0.7, 1e-30, gives=-1.4 * math.exp(-0.49)),
        agrees([(f, x, 1e-40) for f in (cube, one_over, bell) for x in (0.3, -1.3, 1.9)]),
        # at a wide step, mistakes that look alike at a tiny one can be told apart
        agrees([(cube, 2.0, 0.5), (one_over, 2.0, 0.5)]),
    ],
    wrong=[
        (lambda f, x, h: abs(f(x + 1j * h).imag) / h,
         "`abs` of a number is never negative: what becomes of a function that falls? 1/x falls at x = 2."),
        (lambda f, x, h: f(x + 1j * h).real / h,
         "The real part is f(x) all over again. The derivative is in the imaginary part."),
        (lambda f, x, h: f(x + 1j * h).imag,
         "The imaginary part is f'(x)·h: it still has to be divided by h."),
        (lambda f, x, h: f(x + 1j * h).imag / (2 * h),
         "Half of the derivative: the nudge is h, not 2h."),
        (lambda f, x, h: (f(x + h) - f(x)) / h,
         "You nudge x along the real line, where x + 1e-20 is x itself. The nudge belongs to the imaginary axis: "
         "1j * h."),
        (lambda f, x, h: (f(x + 1j * h) - f(x)).real / h,
         "You look at the wrong part: the real part of the difference holds a remainder of order h². The derivative is "
         "in the imaginary part."),
        (lambda f, x, h: f(x + 1j * h) / h,
         "This is a complex number, with f(x)/h in its real part. The derivative is the imaginary part: `.imag`."),
        (lambda f, x, h: (f(x + 1j * h) - f(x)) / h,
         "This is a complex number still. The derivative is its imaginary part, a real number: `.imag`."),
        (lambda f, x, h: (f(x + 1j * h) - f(x)) / (1j * h),
         "This is a complex number still. Divided by 1j * h the derivative is in the real part; simpler is the "
         "imaginary part of f(x + 1j * h), divided by h."),
    ],
    hints=[
        "Try 1/x at 2 by hand: it falls there. Can the function return a negative number at all?",
        "Write f(x + ih) ≈ f(x) + i f'(x) h. Which part of this complex number holds the derivative, sign included?",
        "A complex number z has its imaginary part in `z.imag`. No subtraction is needed.",
    ],
    note="Under `abs` the subtraction was a second fault: f(x) and the real part of f(x + ih) may differ in their last "
         "digit, and that, divided by 1e-20, drowns everything else. Where the imaginary part alone is kept, f(x), "
         "being real, takes nothing from it: subtracting it does no harm and costs one evaluation more.",
)


def best_step(delta, m):
    """The step h that makes m·h²/3 + 4·delta/h as small as possible."""
    return (6 * delta / m) ** (1 / 3)


def lowest_point(delta, m):
    """The step at which truncation and rounding together are smallest, searched for by thirds."""
    low, high = -30.0, 10.0  # exponents of e

    def errors(exponent):
        h = math.exp(exponent)
        return m * h**2 / 3 + 4 * delta / h

    for _ in range(200):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if errors(left) < errors(right) else (left, high)
    return math.exp((low + high) / 2)


Exercise(
    "why.best_step", best_step,
    chapter="why-autodiff",
    title="A difference to one side",
    kind="derive", grade="stretch", minutes=20,
    tests=[
        at(4.0, 3.0, gives=2.0),
        agrees(lambda generator: (10 ** generator.uniform(-17, -8), generator.uniform(0.1, 50.0)), lowest_point,
               tolerance=1e-5),
    ],
    wrong=[
        (lambda delta, m: (6 * delta / m) ** 0.5,
         "You took a square root. Setting the derivative of the sum to zero gives an equation for h³."),
        (lambda delta, m: (6 * delta / m) ** 0.25,
         "You took a fourth root. Setting the derivative of the sum to zero gives an equation for h³."),
        (lambda delta, m: 6 * delta / m ** (1 / 3),
         "The power is taken before the quotient: what stands under the root needs brackets, `(…) ** (1 / 3)`."),
        (lambda delta, m: (6 * delta / m) ** 1 / 3,
         "`** 1 / 3` raises to the power 1 and then divides by 3: write `** (1 / 3)`."),
        (lambda delta, m: (6 * delta / m) ^ (1 / 3),
         "A power is written `**` in Python; `^` is an operation on the bits of integers."),
        (lambda delta, m: (2 * delta / m) ** (1 / 3),
         "You let the two third-order terms add. The third derivative is the same in both: 4 · 1/6 − 8/6 = −2/3, and "
         "divided by 2 that leaves m·h²/3."),
        (lambda delta, m: (9 * delta / (4 * m)) ** (1 / 3),
         "You let each of the three values err by δ once. They are multiplied by 3, 4 and 1: 8δ in all, over 2h."),
        (lambda delta, m: (12 * delta / m) ** (1 / 3),
         "Either 8δ is not divided by 2h, or you made the two errors equal. What is smallest is their sum: the "
         "derivative of m·h²/3 + 4δ/h has to be zero."),
        (lambda delta, m: (6 * m / delta) ** (1 / 3),
         "The quotient is upside down: with larger rounding errors δ the step has to grow."),
        (lambda delta, m: 2 * math.sqrt(delta / m),
         "This is the best step of the forward difference. Derive the two errors of this quotient first."),
        (lambda delta, m: (3 * delta / m) ** (1 / 3),
         "This is the best step of the central difference. Here truncation is twice as large, rounding four times."),
    ],
    hints=[
        "Truncation: write down f(x + h) and f(x + 2h) to the third order, multiply by 4 and by −1, and add. Which "
        "terms cancel?",
        "Rounding: the three values are off by at most δ each, and they are multiplied by 3, 4 and 1. All of it is "
        "divided by 2h.",
        "The sum is m·h²/3 + 4δ/h. Its derivative is 2m·h/3 − 4δ/h². Where is that zero?",
    ],
    note="The cube root again, as for the central difference, though f is never evaluated on the other side: a third "
         "of the digits is lost, not half. The price is one evaluation more and an error about three times as large.",
)
