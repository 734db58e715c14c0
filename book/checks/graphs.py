"""Exercises on computational graphs."""

import math

from checks.exercise import Exercise, Failure
from checks.tests import Agrees, agrees, at, central, linear_cost, numbers
from minigrad.scalar import sigmoid
from minigrad.value import Value

# Graphs. A test runs a program on the reader's own Value, with the inputs x and y and the result L, and then calls the
# reader's function of a result and an input.

DIAMOND = "a = x * 3; b = 5 * a; c = a.log(); L = b * c"
UNEVEN = "a = x**2; b = 5 * a; L = a * b"
SQUARE = "L = x * x"
TWO_INPUTS = "a = x * y; L = a * y + x"
EQUAL_NUMBERS = "a = x * 3; b = y * 3; L = a * a + b * x"
PROGRAMS = ["L = 5 * x", SQUARE, DIAMOND, UNEVEN, TWO_INPUTS, EQUAL_NUMBERS]


def ladder(n):
    """A program of n diamonds, one after the other."""
    return "; ".join(["v = x", *["v = 0.25 * v + 0.75 * v"] * n, "L = v + y"])


class Call(str):
    """A program, and the input that the reader's function is called with, besides L.

    Both inputs hold the same number, so that a function which confuses nodes that are equal is found out. With
    ``before``, the function is called with that input first, to see whether it keeps anything between the calls.
    """

    INPUTS = "x = Value(2); y = Value(2); "

    def __new__(cls, program, by="x", before=None):
        call = super().__new__(cls, cls.INPUTS + program)
        call.by, call.before = by, before
        return call

    def __repr__(self):
        return f"L, {self.by}"

    def carry_out(self, answer):
        nodes = {"Value": answer.own(Value)}
        exec(self, nodes)
        if self.before:
            answer(nodes["L"], nodes[self.before])
        return answer(nodes["L"], nodes[self.by])

    def code(self, name):
        """The program as the reader would have written it, up to the call."""
        lines = self.split("; ")
        if self.before:
            lines.append(f"{name}(L, {self.before})  # called first")
        return "\n".join(lines)


class OnGraphs(Agrees):
    """The answer gives what is expected, or what the solution gives, for each of the calls."""

    def __call__(self, answer):
        try:
            super().__call__(answer)
        except Failure as failure:
            code = answer.inputs[0].code(answer.exercise.solution.__name__)
            raise Failure(failure.message, f"{code}\n\n{failure.details}") from None


def on(program, by="x", *, gives):
    """A case worked by hand: the answer gives this for L and one input of a program."""
    return OnGraphs([Call(program, by)], lambda _: gives)


def on_all(programs, before=None):
    """The answer gives what the solution gives, for both inputs of each program."""
    return OnGraphs([Call(program, by, before) for program in programs for by in "xy" if by != before])


def carry_out(answer, call):
    return call.carry_out(answer)


def softplus(a):
    """The rule of softplus(a) = log(1 + eᵃ): its value, then its partial derivative."""
    e = math.exp(-abs(a))  # at most 1
    partial = 1 / (1 + e) if a >= 0 else e / (1 + e)
    return max(a, 0.0) + math.log(1 + e), partial


def slope_of_softplus(a):
    return softplus(a)[1]


def measured_softplus(a):
    """The rule from the definition, where that does not overflow; its partial by a central difference."""

    def f(a):
        return math.log(1 + math.exp(a))

    return f(a), central(f, a)


Exercise(
    "graphs.softplus", softplus,
    chapter="computational-graphs",
    title="A row of your own",
    kind="derive", grade="core", minutes=10,
    tests=[
        at(0.0, gives=(math.log(2), 0.5)),
        agrees(numbers(1, low=-5, high=5), measured_softplus, tolerance=1e-6),
        at(800.0, gives=(800.0, 1.0)),
        at(-800.0, gives=(0.0, 0.0)),
    ],
    wrong=[
        (lambda a: (math.log(1 + math.exp(a)), math.exp(a) / (1 + math.exp(a))),
         "The formulas are right, but `math.exp(a)` overflows for large a. Write both numbers with "
         "`math.exp(-abs(a))`, as `sigmoid` does."),
        (lambda a: (math.log(1 + math.exp(a)), 1 / (1 + math.exp(-a))),
         "The formulas are right, but one of `math.exp(a)` and `math.exp(-a)` overflows when a is far from 0. Write "
         "both numbers with `math.exp(-abs(a))`, as `sigmoid` does."),
        (lambda a: (max(a, 0.0) + math.log(1 + math.exp(-abs(a))), 1 - slope_of_softplus(a)),
         "Your partial is 1/(1 + eᵃ), the derivative of the logarithm alone. The chain rule multiplies it by the "
         "derivative of what stands inside, eᵃ."),
        (lambda a: (math.log(1 + math.exp(a)), 1 / (1 + math.exp(a))),
         "Your partial, 1/(1 + eᵃ), is the derivative of the outer function alone. Multiply it by the derivative of "
         "what stands inside the logarithm."),
        (lambda a: (math.log(1 + math.exp(a)), math.exp(a)),
         "Your partial is the derivative of the inner function, 1 + eᵃ. The logarithm around it contributes the factor "
         "1/(1 + eᵃ)."),
        (lambda a: (softplus(a)[0], slope_of_softplus(a) * (1 - slope_of_softplus(a))),
         "Your partial is σ(1 − σ), the derivative of σ. The derivative of softplus is σ itself."),
        (lambda a: softplus(a)[::-1],
         "The two numbers are in the wrong order: a rule returns the value first, then the partial."),
        (lambda a: sigmoid(a),
         "That is the rule of σ: its value and its slope. σ is the derivative of softplus, so it belongs in the second "
         "place; in the first stands log(1 + eᵃ)."),
        (lambda a: slope_of_softplus(a),
         "That is the partial alone. A rule returns two numbers: the value, then the partial."),
        (lambda a: softplus(a)[0],
         "That is the value alone. A rule returns two numbers: the value, then the partial."),
        (lambda a: (max(a, 0.0), slope_of_softplus(a)),
         "Your value is max(a, 0), which softplus only approaches far from 0."),
    ],
    hints=[
        "log(1 + eᵃ) is a composition. Differentiate the logarithm at 1 + eᵃ, then what stands inside it.",
        "The product is eᵃ/(1 + eᵃ): divide above and below by eᵃ, and you will know the function.",
        "For a > 0 the logarithm can be written with e⁻ᵃ: log(1 + eᵃ) = log(eᵃ(e⁻ᵃ + 1)) = a + log(1 + e⁻ᵃ).",
        "With e = math.exp(-abs(a)): the value is max(a, 0.0) + math.log(1 + e), and the partial is what `sigmoid` "
        "computes as its value.",
    ],
    note="If you used `math.log(1 + e)`: the sum loses the digits of e as a falls, and below about −37 the value comes "
         "out as 0. `math.log1p(e)` keeps them. Since −log σ(a) = softplus(−a), the running example of the book "
         "computes this function too.",
)


def totals(x, y):
    """The pair (dr/dx, dr/dy), where p = x y, q = p + x, r = q p."""
    p = x * y
    q = p + x
    return y * q + y * p + p, x * q + x * p


def product_rule(x, y):
    p, q = x * y, x * y + x
    return y * q + y * p, x * q + x * p


Exercise(
    "graphs.totals", totals,
    chapter="computational-graphs",
    title="Two uses, one feeding the other",
    kind="derive", grade="core", minutes=8,
    tests=[
        at(2.0, 3.0, gives=(48.0, 28.0)),
        agrees(numbers(2), lambda x, y: (central(lambda x: (x * y + x) * x * y, x),
                                         central(lambda y: (x * y + x) * x * y, y)), tolerance=1e-6),
    ],
    wrong=[
        (product_rule,
         "One path from x is missing in dr/dx: x enters q directly as well, x → q → r."),
        (lambda x, y: (totals(x, y)[0], x * (x * y + x)),
         "dr/dx is right. One path from y is missing in dr/dy: y → p → q → r."),
        (lambda x, y: (totals(x, y)[0], x * x * y),
         "dr/dx is right. One path from y is missing in dr/dy, the one that does not pass q: y → p → r."),
        (lambda x, y: (x * y, x * y + x),
         "That is the pair (p, q), the partials of r on its two edges. Asked for are the derivatives by x and by y, "
         "over all paths."),
        (lambda x, y: (x * y + x, x * y),
         "That is the pair (q, p), the partials of r on its two edges. Asked for are the derivatives by x and by y, "
         "over all paths."),
        (lambda x, y: (y * (x * y + x), x * (x * y + x)),
         "You follow p into r and hold q. But q moves too: p → q → r is a path, and x → q → r another."),
        (lambda x, y: (y * (x * y + x) + x * y, x * (x * y + x)),
         "The paths through p and then q are missing: x → p → q → r and y → p → q → r."),
        (lambda x, y: (y * x * y + x * y, x * x * y),
         "All your paths go through q. The edge from p directly to r is missing."),
        (lambda x, y: (x * y, 0.0),
         "You hold p. It moves with x and with y: which paths go through it?"),
        (lambda x, y: totals(x, y)[::-1],
         "The two derivatives are in the wrong order: first dr/dx, then dr/dy."),
        (lambda x, y: totals(x, y)[0],
         "That is dr/dx alone. Return a pair: dr/dx, then dr/dy."),
        (lambda x, y: (y * (x * y + x) * y * (x * y) * (x * y), x * (x * y + x) * x * (x * y)),
         "You multiplied the paths. Along a path the partials are multiplied; the paths are added."),
    ],
    hints=[
        "The edges are x → p, y → p, p → q, x → q, q → r, p → r. Write the partial on each.",
        "r = qp has the partials p (by q) and q (by p); q = p + x has 1 and 1; p = xy has y and x.",
        "Three paths lead from x to r and two from y. One of them is x → p → q → r, with the product y · 1 · p.",
    ],
    note="You can check it by substitution: r = x²(y² + y), so dr/dx = 2x(y² + y) and dr/dy = x²(2y + 1).",
)


Exercise(
    "graphs.loop_graph", (5, 6, 3),
    chapter="computational-graphs",
    title="A loop, unrolled",
    kind="predict", grade="easy", minutes=5,
    wrong=[
        ((7, 8, 3), "You counted the 1 as a node, once in each round. A plain number is an operand and no node: it has "
                    "no box and no edge."),
        ((6, 8, 3), "You drew one node for the 1, with an edge to each sum. A plain number is an operand and no node: "
                    "it has no box and no edge."),
        ((6, 7, 3), "One node and one edge too many. Neither the 1 nor `y = x` makes any: a plain number is an operand "
                    "and no node, and `y = x` gives the node of `x` a second name."),
        ((5, 5, 2), "In the first round `y` and `x` are the same node, so `y * x` has two edges from it, and two "
                    "paths."),
        ((5, 5, 3), "One edge is missing: in the first round `y` and `x` are the same node, and `y * x` has two edges "
                    "from it."),
        ((5, 6, 2), "The nodes and edges are right. Paths: two reach the first sum, because `x * x` has two edges. How "
                    "many more enter at the second product?"),
        ((5, 6, 4), "The nodes and edges are right. Paths: the second product is reached from the first sum and from "
                    "x. The numbers of paths to its two parents add up; they are not doubled."),
        ((6, 6, 3), "One node too many: `y = x` makes no node. It is a second name for the same one."),
        ((3, 3, 2), "That is one round. The second makes two nodes more."),
        ((2, 3, 2), "A node is not a variable: each operation makes a new one, and `y` only points to the last."),
    ],
    hints=[
        "`y = x` makes no node. Each `*` makes one, and each `+` makes one.",
        "Each product has two parents, each sum here has one, because the 1 is a constant.",
        "Paths: write at each node how many reach it. At x it is 1; everywhere else, add up the numbers at its "
        "parents, a parent with two edges twice.",
    ],
    note="y = (x² + 1) x + 1 = x³ + x + 1, and each path gives one term of its derivative at x = 3: 9 + 9 + 10 = 28 "
         "= 3x² + 1.",
)


def count_paths(result, x):
    """The number of paths from the node x to the node result."""
    if result is x:
        return 1
    return sum(count_paths(parent, x) for parent in result.parents)


def count_from_zero(result, x):
    return 0 if result is x else sum(count_from_zero(parent, x) for parent in result.parents)


def count_from_every_input(result, x):
    return sum(count_from_every_input(parent, x) for parent in result.parents) if result.parents else 1


def count_with_set(result, x):
    return 1 if result is x else sum(count_with_set(parent, x) for parent in set(result.parents))


def count_first_parent(result, x):
    if result is x:
        return 1
    return count_first_parent(result.parents[0], x) if result.parents else 0


def count_by_number(result, x):
    return 1 if result.data == x.data else sum(count_by_number(parent, x) for parent in result.parents)


def count_steps(result, x):
    return 1 if result is x else 1 + sum(count_steps(parent, x) for parent in result.parents)


def reaches(result, x):
    return 1 if result is x else max((reaches(parent, x) for parent in result.parents), default=0)


def count_direct(result, x):
    return sum(parent is x for parent in result.parents)


def multiply_paths(result, x):
    return 1 if result is x else math.prod(multiply_paths(parent, x) for parent in result.parents)


def sum_partials(result, x):
    if result is x:
        return 1
    return sum(partial * sum_partials(parent, x) for parent, partial in zip(result.parents, result.partials))


Exercise(
    "graphs.count_paths", count_paths,
    chapter="computational-graphs",
    title="Counting paths",
    kind="fill in", grade="easy", minutes=5,
    use=carry_out,
    tests=[
        on("L = 5 * x", gives=1),
        on("L = 5 * x", "y", gives=0),
        on(SQUARE, gives=2),
        on(UNEVEN, gives=2),
        on(TWO_INPUTS, gives=2),
        on_all([TWO_INPUTS, DIAMOND, EQUAL_NUMBERS, ladder(4)]),
    ],
    wrong=[
        (count_from_zero,
         "The function returns 0 at x itself, so every sum is 0. From x to x there is one path, the one without an "
         "edge."),
        (count_from_every_input,
         "You count the paths from every input. Only those that start at x are asked for: an input that is not x "
         "contributes 0."),
        (count_with_set,
         "x * x has two edges from x, hence two paths. In a set they become one: go over `result.parents` as it is."),
        (count_first_parent,
         "You follow the first parent only. The paths through all parents add up."),
        (count_by_number,
         "You compare numbers. Two nodes can hold the same number: ask `result is x`."),
        (count_steps,
         "You add 1 at each node on the way. A path counts once, at the place where it reaches x."),
        (reaches,
         "You find out whether there is a path, not how many there are: the numbers at the parents add up."),
        (count_direct,
         "You count the edges that lead from x directly to the result. Paths may have more than one edge."),
        (multiply_paths,
         "The numbers of paths to the parents are added, not multiplied: a path comes through one parent or through "
         "the other."),
        (sum_partials,
         "That is the sum over paths of the products of the partials, the derivative. To count, put 1 in place of each "
         "partial."),
    ],
    hints=[
        "A path to `result` comes through one of its parents. How many paths lead to each of them?",
        "If `result` is x itself, there is one path, the one without an edge.",
        "In all other cases: the sum of `count_paths(parent, x)` over `result.parents`. For an input that has no "
        "parents the sum is 0, as it should be.",
    ],
    note="Counting is the sum over paths with every partial replaced by 1. The same recursion with `max` tells whether "
         "there is a path at all.",
)


def total_derivative(result, x):
    """The derivative of result by x, with one look at each node."""
    found = {x: 1.0}

    def derivative(node):
        if node not in found:
            edges = zip(node.parents, node.partials)
            found[node] = sum(partial * derivative(parent) for parent, partial in edges)
        return found[node]

    return derivative(result)


def with_visited_set(result, x):
    """The derivative of result by x, with one look at each node."""
    visited = set()

    def visit(node):
        if node is x:
            return 1.0
        if node in visited:
            return 0.0
        visited.add(node)
        edges = zip(node.parents, node.partials)
        return sum(partial * visit(parent) for parent, partial in edges)

    return visit(result)


def once_per_path(result, x):
    if result is x:
        return 1.0
    return sum(partial * once_per_path(parent, x) for parent, partial in zip(result.parents, result.partials))


def found_by_number(result, x):
    found = {x.data: 1.0}

    def derivative(node):
        if node.data not in found:
            found[node.data] = sum(p * derivative(parent) for parent, p in zip(node.parents, node.partials))
        return found[node.data]

    return derivative(result)


def kept_by_number(result, x):
    found = {}

    def derivative(node):
        if node is x:
            return 1.0
        if node.data not in found:
            found[node.data] = sum(p * derivative(parent) for parent, p in zip(node.parents, node.partials))
        return found[node.data]

    return derivative(result)


def edges_in_a_dict(result, x):
    found = {x: 1.0}

    def derivative(node):
        if node not in found:
            edges = dict(zip(node.parents, node.partials))
            found[node] = sum(partial * derivative(parent) for parent, partial in edges.items())
        return found[node]

    return derivative(result)


def visited_counts_one(result, x):
    visited = set()

    def visit(node):
        if node is x or node in visited:
            return 1.0
        visited.add(node)
        return sum(partial * visit(parent) for parent, partial in zip(node.parents, node.partials))

    return visit(result)


def visited_before_input(result, x):
    visited = set()

    def visit(node):
        if node in visited:
            return 0.0
        visited.add(node)
        if node is x:
            return 1.0
        return sum(partial * visit(parent) for parent, partial in zip(node.parents, node.partials))

    return visit(result)


found_so_far = {}


def kept_between_calls(result, x):
    if result is x:
        return 1.0
    if result not in found_so_far:
        found_so_far[result] = sum(partial * kept_between_calls(parent, x)
                                   for parent, partial in zip(result.parents, result.partials))
    return found_so_far[result]


Exercise(
    "graphs.total_derivative", total_derivative,
    chapter="computational-graphs",
    title="One look at each node",
    kind="spot the bug", grade="stretch", minutes=15,
    stub=with_visited_set,
    use=carry_out,
    tests=[
        on(SQUARE, gives=4.0),
        on(UNEVEN, gives=160.0),
        on_all([*PROGRAMS, ladder(4)]),
        on_all([TWO_INPUTS], before="x"),
        linear_cost(lambda n: Call(ladder(n))),
    ],
    wrong=[
        (with_visited_set,
         "When a node is reached a second time it contributes 0, so every path but the first through it is lost. What "
         "should be remembered is not that it was visited, but what was found there."),
        (once_per_path,
         "The derivatives are right, but each node is looked at once for every path through it, and on a ladder that "
         "doubles with every diamond. Remember what was found at a node."),
        (found_by_number,
         "You remember what was found under the number that a node holds. Two nodes can hold the same number: use the "
         "node itself as the key."),
        (kept_by_number,
         "You remember what was found under the number that a node holds. Two nodes can hold the same number: use the "
         "node itself as the key."),
        (edges_in_a_dict,
         "In a dictionary from parent to partial the two edges of `x * x` become one. Go over `zip(node.parents, "
         "node.partials)`."),
        (visited_counts_one,
         "When a node is reached a second time you take 1 for its derivative. It is what was found there the first "
         "time."),
        (visited_before_input,
         "Now x itself counts only the first time it is reached, and `x * x` loses half. Remember what was found at a "
         "node, not that it was visited."),
        (kept_between_calls,
         "What was found for one input is still there when you ask for another: the mapping outlives the call. Make a "
         "new one in each call."),
    ],
    hints=[
        "Try it on a = x², b = 5a, c = ab, by x. Which value does `visit` return for a, the first time and the second?",
        "Instead of a set, keep a dictionary from node to the derivative of that node by x.",
        "Start with `found = {x: 1.0}`. For a node that is not in it, work out the sum over its parents and store it; "
        "in either case return `found[node]`.",
    ],
    note="One look at each node, one multiplication and one addition for each edge. What is remembered, the "
         "derivative of each node by x, is what a `ForwardValue` carries along in the next chapter.",
)
