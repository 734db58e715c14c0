"""Exercises on transformations."""

import numpy as np

from checks.exercise import Exercise, Failure
from checks.tests import agrees, arrays, at, pullback_of
from minigrad import custom_vjp, grad, hessian, hvp, jacobian, jvp, vjp
from minigrad.box import Box
from minigrad.dual import Dual


def watched(f, seen):
    """The function f, which enters the classes of the boxes around its argument into a list, call by call."""
    def call(x):
        boxes, inside = [], x
        while isinstance(inside, Box):
            boxes.append(type(inside))
            inside = inside.data
        seen.append(boxes)
        return f(x)

    return call


# Two answers

Exercise(
    "transformations.two_answers", (5, 6),
    chapter="transformations",
    title="Two answers",
    kind="predict", grade="easy", minutes=6,
    wrong=[
        ((6, 5),
         "The pair is swapped: first what the naive D gives, then what is right."),
        ((6, 6),
         "The naive D does not get this one right: the x of the inner product has a tangent of its own, 1."),
        ((5, 5),
         "5 is what the naive D gives. In truth the inner derivative is x, which moves with x: what is x · x, and its "
         "derivative?"),
        ((3, 6),
         "3 would come out if the inner D gave 3, the right number. It reads the tangent of (3 + ε)(2 + ε)."),
        ((5, 3),
         "5 is what the naive D gives. The right one is not 3: the inner derivative x is no constant for the outer D."),
        ((3, 3),
         "You take the inner derivative for a constant, 3. The naive D reads another number, and in truth it is x, "
         "which moves with x."),
        ((8, 6),
         "8 = 5 + 3: you let the inner derivative move with x. The naive D returns it as the plain number 5."),
        ((2, 6),
         "2 is the part of the inner tangent that comes from the motion of x. The naive D reads both parts together."),
        ((15, 9),
         "These are the values x · 5 and x · x at 3. Asked for are their derivatives."),
    ],
    hints=[
        "Inside, x is the box 3 + ε and y is the box 2 + ε, with the same ε. What is their product?",
        "(3 + ε)(2 + ε) = 6 + 5ε. The inner D returns the number that stands before ε, without a box.",
        "So the naive D differentiates x · 5. And truly d/dy (x y) = x, so q(x) = x².",
    ],
    note="Here the inner function multiplies where p added. Each time that x is used inside, its motion is counted as "
         "if it were that of y, and then lost to the outer derivative.",
)


# Two sweeps back

def product_by_grads(f, x, v):
    """The product of the Hessian of f at x with v, by two gradients."""
    return grad(lambda x: np.sum(grad(f)(x) * v))(x)


def cubic(x):
    return x[0] ** 2 * x[1]


def bumpy(x):
    return np.sum(np.exp(x) * np.sum(x)) + x[0] * x[1] ** 2


def waves(x):
    return np.sum(np.sin(x[:-1]) * x[1:] ** 2)


def twice_differentiable(generator):
    """A function with a full Hessian, a point and a vector."""
    f = generator.choice([bumpy, waves])
    return f, *arrays((4,), (4,), low=-1)(generator)


def product_measured(f, x, v):
    """The product of the Hessian of f at x with v, from differences of the gradient along v."""
    s = 1e-5
    return (grad(f)(x + s * v) - grad(f)(x - s * v)) / (2 * s)


def over(f, x, v):
    return hvp(f)(x, v)


def slope_outside(f, x, v):
    slope = grad(f)(x)
    return grad(lambda x: np.sum(slope * v))(x)


FORWARDS = "The numbers are right, but f was run forwards with tangents: use grad alone, without hvp, hessian or jvp."


def goes_back_only(answer):
    """No sweep goes forward."""
    seen = []
    answer(watched(cubic, seen), np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    if any(Dual in boxes for boxes in seen):
        raise Failure(FORWARDS)


Exercise(
    "transformations.product_by_grads", product_by_grads,
    chapter="transformations",
    title="Two sweeps back",
    kind="derive", grade="core", minutes=7,
    tests=[
        at(cubic, np.array([1.0, 2.0]), np.array([1.0, 3.0]), gives=np.array([10.0, 2.0])),
        agrees(twice_differentiable, product_measured, tolerance=1e-5),
        goes_back_only,
    ],
    wrong=[
        (over, FORWARDS),
        (slope_outside,
         "Only zeros. If the inner gradient is taken outside the function that the outer grad differentiates, it is a "
         "constant there."),
        (lambda f, x, v: np.sum(grad(f)(x) * v),
         "This is ⟨∇f, v⟩, the number that is to be differentiated once more."),
        (lambda f, x, v: grad(lambda x: np.sum(grad(f)(x)))(x),
         "v is missing: you add up the entries of ∇f without their weights."),
        (lambda f, x, v: grad(lambda x: np.sum(grad(f)(x)))(x) * v,
         "v comes too late: the entries of ∇f are weighted by v before they are added up."),
        (lambda f, x, v: grad(lambda x: f(x) * np.sum(v))(x),
         "The first gradient is missing: it is ∇f that is multiplied by v, not f."),
        (lambda f, x, v: grad(f)(x) * v,
         "This multiplies the gradient by v, entry by entry. Add up, and differentiate that number."),
        (lambda f, x, v: np.diag(hessian(f)(x)) * v,
         "Only the diagonal of the Hessian is used: every entry of ∇f depends on every entry of x."),
        (lambda f, x, v: grad(f)(x + v) - grad(f)(x),
         "This is how the gradient changes over the whole of v. The product is the rate of the change at x."),
        (lambda f, x, v: grad(lambda x: np.sum(grad(f)(x) * v))(v),
         "The second gradient is taken at v. Take it at x."),
        (lambda f, x, v: grad(lambda v: np.sum(grad(f)(x) * v))(v),
         "You differentiate by v, which gives ∇f back. v is a constant here: differentiate by x."),
        (lambda f, x, v: 2 * over(f, x, v),
         "This is twice the product. vᵀHv has the gradient 2Hv by v; ⟨∇f, v⟩ has Hv by x, without the 2."),
        (lambda f, x, v: -over(f, x, v),
         "The sign is reversed."),
        (lambda f, x, v: hessian(f)(x) @ grad(f)(x),
         "This is the Hessian times the gradient: multiply ∇f by v, not by itself."),
        (lambda f, x, v: np.sum(over(f, x, v) * v),
         "This is the number vᵀHv: multiply by v once."),
    ],
    hints=[
        "grad needs a function with one number as its value. Which number has the derivatives Σᵢ hᵢⱼ vᵢ?",
        "The number ⟨∇f(x), v⟩, as a function of x, with v held.",
        "`grad(lambda x: np.sum(grad(f)(x) * v))(x)`.",
    ],
    note="jvp of grad keeps no second graph, which saves memory where f is many operations deep. This way, the graph "
         "of the second sweep contains the whole first sweep.",
)


# Without the second derivatives

def gauss_newton(f, x, v):
    """The product of JᵀJ with v, where J is the Jacobian of f at x."""
    _, pushed = jvp(f, (x,), (v,))
    _, pullback = vjp(f, x)
    return pullback(pushed)[0]


def line(x):
    return np.stack([x[0] + 2 * x[1], 3 * x[1], x[0]])


def narrow(x):
    return np.stack([x[0] * x[1], np.sin(x[1]) + x[2] ** 2])


def wide(x):
    return np.concatenate([np.exp(x), x[:-1] * x[1:], x**2])


def vector_functions(generator):
    """A function of three numbers with two or eight as its value, a point and a vector."""
    f = generator.choice([narrow, wide])
    return f, *arrays((3,), (3,), low=-1)(generator)


def by_matrix(f, x, v):
    J = jacobian(f)(x)
    return J.T @ J @ v


BUILT = "The numbers are right, but they did not come from one jvp and one vjp of f: was a whole Jacobian built?"


def builds_no_matrix(answer):
    """One jvp and one vjp do it, whatever the number of entries."""
    seen = []
    answer(watched(wide, seen), np.linspace(-1, 1, 20), np.ones(20))
    if not 1 <= seen.count([Dual]) <= 2 or len(seen) > 5 or all(Dual in boxes for boxes in seen):
        raise Failure(BUILT)


def half_square(f):
    return lambda x: np.sum(f(x) ** 2) / 2


Exercise(
    "transformations.gauss_newton", gauss_newton,
    chapter="transformations",
    title="Without the second derivatives",
    kind="fill in", grade="core", minutes=8,
    tests=[
        at(line, np.array([1.0, -1.0]), np.array([1.0, 2.0]), gives=np.array([6.0, 28.0])),
        agrees(vector_functions, by_matrix),
        builds_no_matrix,
    ],
    wrong=[
        (by_matrix, BUILT),
        (lambda f, x, v: vjp(f, x)[1](jvp(f, x, v)[1])[0],
         "`jvp` takes two tuples, with one entry for each argument of f: the points, and their tangents."),
        (lambda f, x, v: jvp(f, (x,), (v,))[1],
         "This is Jv, in the shape of the value. Now pull it back."),
        (lambda f, x, v: vjp(f, x)[1](f(x))[0],
         "This pulls back the value of f and gives Jᵀf, the gradient of ½‖f‖². Pull back Jv, the second of what "
         "jvp returns."),
        (lambda f, x, v: hvp(half_square(f))(x, v),
         "This is the whole Hessian of ½‖f‖² times v, with the second derivatives of f. They are to be left out."),
        (lambda f, x, v: 2 * by_matrix(f, x, v),
         "This is twice the product. The ½ in L has taken the 2 away."),
        (lambda f, x, v: vjp(f, x)[1](jvp(f, (v,), (v,))[1])[0],
         "The pushforward is taken at v. Both products belong to the Jacobian at x; v is the tangent."),
        (lambda f, x, v: vjp(f, v)[1](jvp(f, (x,), (v,))[1])[0],
         "The pullback is taken at v. Both products belong to the Jacobian at x."),
        (lambda f, x, v: vjp(f, x)[1](jvp(f, (x,), (x,))[1])[0],
         "The tangent is x: push v forward."),
        (lambda f, x, v: vjp(f, x)[1](jvp(f, (x,), (v,))[1]),
         "The pullback returns a tuple with one entry for each argument: take the first."),
        (lambda f, x, v: vjp(f, x)[1](np.ones_like(f(x)))[0] * v,
         "This multiplies the column sums of J by v: push v forward first, and pull back what comes out."),
        (lambda f, x, v: np.sum(jacobian(f)(x) ** 2, axis=0) * v,
         "Only the diagonal of JᵀJ is used."),
        (lambda f, x, v: -by_matrix(f, x, v),
         "The sign is reversed."),
    ],
    hints=[
        "Read JᵀJv from the right: first J times v, then Jᵀ times what that gives.",
        "`jvp(f, (x,), (v,))` returns the value and Jv.",
        "`vjp(f, x)` returns the value and the pullback; the pullback of Jv is a tuple of one.",
    ],
    note="vᵀJᵀJv = ‖Jv‖² is never negative, so that a Gauss–Newton step, where it is defined and ∇L is not 0, starts "
         "downhill. (It may go too far.) A Newton step need not.",
)


# In order

def sort_pullback(g, x):
    """The derivative of the loss by x, where g is that by np.sort(x)."""
    return g[np.argsort(np.argsort(x))]


def assigned(g, x):
    by_x = np.zeros(len(x))
    by_x[np.argsort(x)] = g
    return by_x


def serves_forward_mode(answer):
    """The rule that the answer makes can be transposed, for which the upstream is a box."""
    x, t = np.array([3.0, 1.0, 2.0]), np.array([1.0, -2.0, 4.0])
    f = custom_vjp(lambda x: (np.sort(x), lambda g: (answer(g, x),)))
    _, tangent = jvp(f, (x,), (t,))
    if not np.allclose(tangent, [-2.0, 4.0, 1.0]):
        raise Failure("In forward mode the rule gives a wrong tangent: is your function linear in g?")


Exercise(
    "transformations.sort_pullback", sort_pullback,
    chapter="transformations",
    title="In order",
    kind="fill in", grade="core", minutes=8,
    tests=[
        at(np.array([10.0, 20.0, 30.0]), np.array([3.0, 1.0, 2.0]), gives=np.array([30.0, 10.0, 20.0])),
        pullback_of(np.sort, arrays((6,))),
        serves_forward_mode,
    ],
    wrong=[
        (assigned,
         "The numbers are right. But forward mode transposes your function and hands it a box for g, which cannot be "
         "put into an array: take entries out of g instead."),
        (lambda g, x: g[np.argsort(x)],
         "This brings an array into the order of y, as the function itself does. Its pullback goes the other way: gᵢ "
         "belongs to the entry of x from which yᵢ came."),
        (lambda g, x: g,
         "g is in the order of y. Bring it into the order of x."),
        (lambda g, x: np.sort(g),
         "You sort the upstream itself: it is the entries of x that decide the order."),
        (lambda g, x: g[::-1][np.argsort(np.argsort(x))],
         "The order is reversed: g[0] belongs to the smallest entry of x."),
        (lambda g, x: g[::-1],
         "The upstream is reversed: whatever the order of x is, you do the same."),
        (lambda g, x: g * x,
         "A sort multiplies by nothing: it moves entries, and so does its pullback."),
        (lambda g, x: g * np.argsort(x),
         "argsort gives places, not factors: use it as an index."),
        (lambda g, x: np.argsort(np.argsort(x)).astype(float),
         "These are the places. Put the entries of g there."),
        (lambda g, x: np.sort(x),
         "This is the value of the function, not the derivative."),
        (lambda g, x: np.sort(g)[np.argsort(np.argsort(x))],
         "The places are right, but the upstream has been sorted too: leave g in its order."),
        (lambda g, x: -sort_pullback(g, x),
         "The sign is reversed."),
    ],
    hints=[
        "With k = np.argsort(x), y[i] is x[k[i]]. So x[k[i]] moves y[i], and nothing else does.",
        "For each entry of x you need its place in y: where in k does its number stand?",
        "The place of x[j] in y is `np.argsort(np.argsort(x))[j]`. Take that entry of g.",
    ],
    note="A sort is a permutation matrix that depends on x, and its transpose is the inverse permutation. Where two "
         "entries are equal the order changes hands, and there is no derivative.",
)


# The lost term

def penalised_gradient(f, x, c):
    """The gradient of f + c ‖∇f‖² at x."""

    def penalised(x):
        slope = grad(f)(x)
        return f(x) + c * np.sum(slope**2)

    return grad(penalised)(x)


def penalty_detached(f, x, c):
    """The gradient of f + c ‖∇f‖² at x."""

    def penalised(x):
        slope = grad(f)(x.detach())
        return f(x) + c * np.sum(slope**2)

    return grad(penalised)(x)


def penalties(generator):
    """A function with a full Hessian, a point and a weight."""
    f = generator.choice([bumpy, waves])
    return f, *arrays((4,), low=-1)(generator), generator.uniform(0.3, 2.0)


def by_formula(f, x, c):
    return grad(f)(x) + 2 * c * hvp(f)(x, grad(f)(x))


def length_itself(f, x, c):
    return grad(lambda x: f(x) + c * np.sqrt(np.sum(grad(f)(x) ** 2)))(x)


Exercise(
    "transformations.penalised_gradient", penalised_gradient,
    chapter="transformations",
    title="The lost term",
    kind="spot the bug", grade="core", minutes=8,
    stub=penalty_detached,
    tests=[
        at(cubic, np.array([1.0, 2.0]), 0.5, gives=np.array([22.0, 9.0])),
        agrees(penalties, by_formula),
    ],
    wrong=[
        (penalty_detached,
         "This is ∇f alone: the penalty is computed from a constant, and has no derivative."),
        (lambda f, x, c: 2 * c * hvp(f)(x, grad(f)(x)),
         "This is the gradient of the penalty alone: f itself is lost."),
        (lambda f, x, c: grad(f)(x) + c * hvp(f)(x, grad(f)(x)),
         "The factor 2 of the square is missing in the second term."),
        (length_itself,
         "The penalty is the squared length: no root."),
        (lambda f, x, c: grad(lambda x: f(x) + c * np.sum(grad(f)(x)))(x),
         "The penalty adds up the entries of the gradient, without squaring them."),
        (lambda f, x, c: grad(lambda x: f(x) + np.sum(grad(f)(x) ** 2))(x),
         "The weight c is lost."),
        (lambda f, x, c: grad(f)(x) + c * grad(f)(x) ** 2,
         "This adds the squared gradient to the gradient. The penalty has to be differentiated as well."),
        (lambda f, x, c: grad(f)(x) + 2 * c * grad(f)(x),
         "The Hessian is missing: the penalty is a square of ∇f, and the chain rule has a second factor."),
        (lambda f, x, c: grad(lambda x: f(x) - c * np.sum(grad(f)(x) ** 2))(x),
         "The penalty has the wrong sign: it is added."),
        (lambda f, x, c: f(x) + c * np.sum(grad(f)(x) ** 2),
         "This is the penalised value, a number. Return its gradient."),
    ],
    hints=[
        "Take c = 0 and c = 1000. What do you notice?",
        "Which boxes does `slope` hold while the outer gradient records?",
        "`x.detach()` makes a constant of x for every transformation. The inner `grad` can take the box itself.",
    ],
    note="Where a gradient is only to be looked at, detach is right. The counterpart of this slip in PyTorch is a "
         "call of torch.autograd.grad without create_graph=True.",
)
