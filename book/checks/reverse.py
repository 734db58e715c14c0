"""Exercises on reverse mode."""

from collections import Counter

from checks.agreement import difference
from checks.exercise import Exercise, Failure
from checks.tests import Agrees, agrees, at, linear_cost
from minigrad.value import Value, topological_order

# Orders, right and wrong. They go by `parents` alone, so that they work on every class of boxes.


def breadth_first(root):
    """Each node once, those with fewer edges to the root first."""
    order, visited = [root], {root}
    for node in order:
        for parent in node.parents:
            if parent not in visited:
                visited.add(parent)
                order.append(parent)
    return order


def pre_order(root, turned=reversed):
    """Each node at its first arrival, with everything behind its first parent before its second parent."""
    order, stack, visited = [], [root], set()
    while stack:
        node = stack.pop()
        if node not in visited:
            visited.add(node)
            order.append(node)
            stack.extend(turned(node.parents))
    return order


def pre_order_from_the_right(root):
    return pre_order(root, turned=tuple)


def breadth_first_from_the_right(root):
    order, visited = [root], {root}
    for node in order:
        for parent in reversed(node.parents):
            if parent not in visited:
                visited.add(parent)
                order.append(parent)
    return order


def appearances(root):
    """The nodes as a queue comes to them, once for each path."""
    noted = [root]
    for node in noted:
        noted.extend(node.parents)
    return noted


def last_appearance(root):
    return list(reversed(dict.fromkeys(reversed(appearances(root)))))


def parents_first(root):
    """A topological order, not turned round."""
    order, visited, path = [], {root}, [root]
    while path:
        waiting = [parent for parent in path[-1].parents if parent not in visited]
        if waiting:
            visited.add(waiting[0])
            path.append(waiting[0])
        else:
            order.append(path.pop())
    return order


def by_recursion(root):
    order, visited = [], set()

    def visit(node):
        visited.add(node)
        for parent in node.parents:
            if parent not in visited:
                visit(parent)
        order.append(node)

    visit(root)
    return order[::-1]


def searched_in_a_list(root):
    """Depth first, with the visited nodes in a list, where a search compares the numbers."""
    order, visited, path = [], [root], [root]
    while path:
        waiting = [parent for parent in path[-1].parents if parent not in visited]
        if waiting:
            visited.append(waiting[0])
            path.append(waiting[0])
        else:
            order.append(path.pop())
    return order[::-1]


# Programs. A test runs one on the reader's own Value, with the inputs x and y; every node has a name.

CHAIN = "b = 5 * x; L = -b"
UNEVEN = "a = x**2; b = 5 * a; c = b * a; L = -c"
SWAPPED = "a = x**2; b = 5 * a; c = a * b; L = -c"
LONGER = "a = x * y; b = 5 * a; d = b.log(); c = d * a; L = -c"
LONGER_SWAPPED = "a = x * y; b = 5 * a; d = b.log(); c = a * d; L = -c"
SQUARE = "a = 3 * x; L = a * a"
SUM = "a = 3 * x; L = a + a"
SQUARE_FIRST = "a = x**2; s = a * a; b = 5 * a; L = s + b"
SQUARE_LAST = "a = x**2; s = a * a; b = 5 * a; L = b + s"
SQUARE_NEAR = "a = x**2; s = a * a; b = 5 * a; d = b.log(); L = s + d"
SQUARE_NEAR_LAST = "a = x**2; s = a * a; b = 5 * a; d = b.log(); L = d + s"
TWO_INPUTS = "a = x * y; b = a.sigmoid(); c = a * b; d = c * x; L = d + a"
EQUAL_NUMBERS = "a = x * 3; b = y * 3; c = a * b; d = b * c; L = d + a"
ORDERED = [CHAIN, UNEVEN, SWAPPED, LONGER, LONGER_SWAPPED]
SQUARED = [SQUARE, SUM, SQUARE_FIRST, SQUARE_LAST, SQUARE_NEAR, SQUARE_NEAR_LAST]


def ladder(n):
    """A program of n diamonds, one after the other."""
    return "; ".join(["v = x", *["v = 0.25 * v + 0.75 * v"] * n, "L = v + y"])


def long_chain(n):
    return f"v = x; exec('for _ in range({n}): v = -v'); L = v + y"


class Program(str):
    """A program, and how often the reader's function is called with its result L, perhaps with M before.

    Both inputs hold the same number, so that a function which confuses nodes that are equal is found out.
    """

    INPUTS = "x = Value(2); y = Value(2); "

    def __new__(cls, program, calls=1, before=None):
        whole = super().__new__(cls, cls.INPUTS + program)
        whole.calls, whole.before = calls, before
        return whole

    def __repr__(self):
        return "L"

    def nodes(self, cls):
        """The nodes by name."""
        names = {"Value": cls}
        exec(self, names)
        return {name: node for name, node in names.items() if isinstance(node, cls)}

    def code(self, name):
        """The program as the reader would have written it."""
        lines = [*self.split("; ")]
        if self.before:
            lines.append(f"{name}({self.before})")
        return "\n".join([*lines, *[f"{name}(L)"] * self.calls])


def run_on(answer, program):
    """The derivatives that all nodes hold in the end, by name."""
    nodes = program.nodes(answer.own(Value))
    for result in [program.before] * bool(program.before) + ["L"] * program.calls:
        answer(nodes[result])
    return {name: node.grad for name, node in nodes.items()}


def derivatives(root):
    """The derivatives of the root by the nodes it was computed from."""
    found = {root: 1.0}
    for node in reversed(parents_first(root)):
        for parent, partial in zip(node.parents, node.partials):
            found[parent] = found.get(parent, 0.0) + found[node] * partial
    return found


# What is wrong with an order, in words

PRE_ORDER = ("Your order is pre-order: it follows one parent down to the inputs before it comes to the other. So a "
             "node hands on before all of its children have given it their part. Every child has to come first.")
BREADTH_FIRST = ("Your order is breadth-first: nodes go by their distance from the result. But b is a child of a, and "
                 "both may be equally far from the result: a hands on before b has given it its part. Every child has "
                 "to come first.")
PARENTS_FIRST = ("Your order is that of the computation, parents first: each node hands on before it has received "
                 "anything. Go through it from its end.")
ONLY_THE_LIST = ("The derivatives are right, but the list is returned the wrong way round: the result hands on first, "
                 "the inputs come last.")
PER_PATH = ("You come to a node once for each path that leads to it. The derivatives are right, but the number of "
            "visits doubles with every diamond. Let each node hand on once, when all of its children have.")
AGAIN = ("You come to a node several times, and each time it hands on all that it has received: what it handed on "
         "before is counted again. Let each node hand on once, when all of its children have.")
DOUBLING = ("This is right, but the work doubles with every diamond: something is done once for each path. Visit each "
            "node once.")
TOO_DEEP = ("This is right on small graphs, but on a chain of 20000 nodes the function calls itself too deeply. Keep a "
            "list of the open nodes yourself, as `topological_order` does.")
BY_NUMBER = ("You look nodes up by the number they hold: two nodes with equal numbers are taken for one, as `in` does "
             "with a list. Use a set, which asks which box it is.")
NOT_NODES = "The list should hold the nodes of the graph themselves, and nothing else."
NO_LIST = "Return a list of the nodes, in the order of the sweep."


def complaint(order, nodes, swept=True):
    """What is wrong with an order of the nodes that L was computed from, in words; None if nothing is.

    With ``swept``, the nodes hold what the sweep has left in them.
    """
    names = {id(node): name for name, node in nodes.items()}
    if not isinstance(order, (list, tuple)):
        return NO_LIST
    if not all(id(node) in names for node in order):
        return NOT_NODES
    right = derivatives(nodes["L"])
    agree = swept and all(abs(node.grad - grad) <= 1e-9 * abs(grad) for node, grad in right.items())
    place = {id(node): number for number, node in enumerate(order)}
    if len(place) < len(order):
        twice = next(names[key] for key in place if sum(id(node) == key for node in order) > 1)
        if not swept:
            return f"{twice} is in the list more than once: each node goes there once."
        return PER_PATH if agree else AGAIN
    if missing := [node for node in right if id(node) not in place]:
        if any(node.data == missing[0].data for node in order):
            return BY_NUMBER
        return f"{names[id(missing[0])]} is missing from the list. Every node that L was computed from belongs to it."
    if len(order) > len(right):
        return "There is a node in the list that L was not computed from."
    edges = [(place[id(parent)], place[id(child)]) for child in order for parent in child.parents]
    if all(parent > child for parent, child in edges):
        return None
    if all(parent < child for parent, child in edges):
        return ONLY_THE_LIST if agree else PARENTS_FIRST
    if same(order, pre_order(nodes["L"])) or same(order, pre_order_from_the_right(nodes["L"])):
        return PRE_ORDER
    if same(order, breadth_first(nodes["L"])) or same(order, breadth_first_from_the_right(nodes["L"])):
        return BREADTH_FIRST
    parent, child = next((names[id(order[p])], names[id(order[c])]) for p, c in edges if p < c)
    return f"{parent} comes before its child {child}, which has not given it its part yet. Every child comes first."


def same(order, other):
    return [id(node) for node in order] == [id(node) for node in other]


def children_come_first(programs, swept=True):
    """In the list that the answer returns, every child comes before its parents."""
    def test(answer):
        for program in map(Program, programs):
            nodes = program.nodes(answer.own(Value))
            answer.inputs = (program,)
            try:
                order = answer(nodes["L"])
            except Failure as failure:
                raise Failure(failure.message, with_code(answer, program, failure.details)) from None
            if order is None:
                raise answer.failure("Your function returned None: is a `return` missing?", inputs=None)
            if found := complaint(order, nodes, swept):
                raise Failure(found, details(answer, program, order, nodes))
    return test


def details(answer, program, order, nodes):
    """The program, and the order that was returned, by name."""
    names = {id(node): name for name, node in nodes.items()}
    listed = ", ".join(names.get(id(node), "?") for node in order) if isinstance(order, (list, tuple)) else "?"
    return with_code(answer, program, f"your order  {listed}")


def with_code(answer, program, lines):
    """Lines of a message, below the program that they speak of."""
    return f"{program.code(answer.exercise.solution.__name__)}\n\n{lines}"


class Swept(Agrees):
    """The derivatives that the nodes hold in the end are those of the solution."""

    def __init__(self, *programs, calls=1, before=None):
        super().__init__([Program(program, calls, before) for program in programs])

    def __call__(self, answer):
        try:
            super().__call__(answer)
        except Failure as failure:
            message = self.slip(answer) or failure.message
            raise Failure(message, with_code(answer, answer.inputs[0], failure.details)) from None

    def slip(self, answer):
        """The message of a wrong answer that fails first at the same program, with the same derivatives."""
        exercise, program = answer.exercise, answer.inputs
        if any(answer.answer is wrong for wrong, _ in exercise.wrong):
            return None
        for wrong, message in exercise.wrong:
            other = exercise.trial(wrong)
            position, _ = other.first_failure()
            if position is not None and exercise.tests[position] is self and other.inputs is program:
                given, expected = (exercise.trial(a).outcome(program)[0] for a in (answer.answer, wrong))
                if difference(given, expected, exercise.tolerance) is None:
                    return message
        return None


def cost_is_linear(answer):
    """The work grows as the number of nodes does, on a ladder of diamonds."""
    try:
        linear_cost(lambda n: Program(ladder(n)))(answer)
    except Failure as failure:
        grows = failure.message.startswith("The work grows")
        raise Failure(DOUBLING if grows else failure.message, failure.details) from None


def stands_a_long_chain(answer):
    """A chain of 20000 nodes is no difficulty."""
    try:
        answer.outcome((Program(long_chain(20_000)),))
    except Failure as failure:
        deep = failure.message.startswith("Your function calls itself")
        raise Failure(TOO_DEEP if deep else failure.message, failure.details) from None


# Fill in the adjoints

Exercise(
    "reverse.adjoints", [2, 2, 4, 22, 30],
    chapter="reverse-mode",
    title="Fill in the adjoints",
    kind="predict", grade="easy", minutes=6,
    wrong=[
        ([30, 22, 4, 2, 2],
         "These are the right numbers in another order: c, b, a, x, y were asked for."),
        ([2, 2, 4, 30, 22],
         "The derivatives by x and by y are swapped."),
        ([2, 2, 6, 24, 36],
         "a has two children: b, and c directly. In dL/da the part from c = b − a is missing."),
        ([2, 2, -2, 16, 12],
         "a has two children: c, and b. In dL/da the part from b = ax is missing."),
        ([2, 2, 8, 26, 42],
         "The sign in c = b − a is lost: the partial of c by a is −1."),
        ([2, 2, 4, 4, 30],
         "x is used twice: in a, and in b = ax directly. In dL/dx the second part is missing."),
        ([2, 2, 4, 18, 30],
         "x is used twice: in b = ax, and in a. In dL/dx the part that comes through a is missing."),
        ([2, 2, 4, 22, 12],
         "y is used twice: in a, and in L = cy directly. In dL/dy the second part is missing."),
        ([2, 2, 4, 22, 18],
         "y is used twice: in L = cy, and in a. In dL/dy the part that comes through a is missing."),
        ([2, 2, 4, 4, 12],
         "x and y are used twice each: in a, and once more directly. The direct parts are missing."),
        ([2, 2, 4, 18, 18],
         "x and y are used twice each: directly, and in a. The parts that come through a are missing."),
        ([2, 2, 4, 22, 22],
         "The factor 3 in a = x + 3y is lost in dL/dy."),
        ([2, 2, 16, 22, 66],
         "The partials of b = ax are swapped: by a it is x, by x it is a."),
        ([18, 18, 36, 198, 110],
         "The partials of L = cy are swapped: by c it is y, by y it is c."),
        ([2, 1, 2, 10, 21],
         "These are sums of the partials on the edges: each has to be multiplied by the derivative of L by the child."),
        ([1, 1, 1, 6, 8],
         "That is right at x = 2, y = 1, the point in the chapter on forward mode. Here x = 3 and y = 2."),
        ([1, 1, 2, 11, 24],
         "You started from dL/dc = 1. It is dL/dL that is 1; one edge further back there is the factor y."),
    ],
    hints=[
        "Start from dL/dL = 1 and go back. Who was computed from c? From a?",
        "c and b have one child each, a, x and y have two: two products, added.",
        "The first three are dL/dc = y, dL/db = dL/dc · 1, and dL/da = dL/db · x + dL/dc · (−1).",
    ],
    note="Check by formula: L = (x + 3y)(x − 1) y. Forward mode computes two columns of four, eight "
         "numbers, for the last row (22, 30); the sweep computed five.",
)


# Visits on an uneven ladder


def visits(n):
    """The visits, one for each path, on a ladder of n uneven diamonds."""
    return 3 * 2**n - 2


Exercise(
    "reverse.visits", visits,
    chapter="reverse-mode",
    title="Visits on an uneven ladder",
    kind="derive", grade="core", minutes=10,
    tests=[at(0, gives=1), at(1, gives=4), agrees(list(range(13)))],
    wrong=[
        (lambda n: 2 ** (n + 2) - 3,
         "That is the count for the even ladder of the text. Here one of the two ways has no node between."),
        (lambda n: 2**n,
         "That is the number of paths to the input. Visits to all the other nodes count too."),
        (lambda n: 2 * n + 1,
         "That is the number of nodes. A node is visited once for each path that leads to it."),
        (lambda n: 3 * n + 1,
         "That grows in proportion to n. Behind b and behind the sum stands the whole ladder below, each time."),
        (lambda n: 2 ** (n + 1) - 1,
         "You have solved V = 1 + 2 V, which leaves out the visit to b itself."),
        (lambda n: 2 ** (n + 1) - 2,
         "The recurrence is right, the start is not: without a diamond there is one visit, the one to the input."),
        (lambda n: 2 ** (n + 1) - 1 + n,
         "The visits to b are counted once for each diamond. It is visited as often as the sum above it."),
        (lambda n: 3 * 2**n,
         "The recurrence is solved for V + 2: take the 2 off again."),
        (lambda n: 3 * 2**n - 3,
         "One too few: without a diamond it should be 1."),
        (lambda n: 3 * 2**n - 1,
         "One too many: the recurrence is V = 2 + 2 V, and V + 2 doubles."),
    ],
    hints=[
        "Count by hand for n = 1: the sum, b, and the input twice.",
        "The last sum has two parents: b, behind which stands the ladder of n − 1 diamonds, and the end of that ladder "
        "itself. So V(n) = 1 + (1 + V(n − 1)) + V(n − 1).",
        "V(n) + 2 = 2 (V(n − 1) + 2): the number V(n) + 2 doubles, and begins with 3.",
    ],
    note="3 · 2ⁿ − 2 against 2n + 1 nodes. Fewer nodes for each diamond than on the even ladder do not help: it is the "
         "number of ways that doubles.",
)


# The sweep


def backward(result):
    """Sweep back from the result; return the nodes in that order."""
    order = topological_order(result)[::-1]
    for node in order:
        if node.parents:
            node.grad = 0.0
    result.grad += 1.0
    for node in order:
        for parent, partial in zip(node.parents, node.partials):
            parent.grad += node.grad * partial
    return order


def hand_on(node):
    for parent, partial in zip(node.parents, node.partials):
        parent.grad += node.grad * partial


def reset_results(order):
    for node in order:
        if node.parents:
            node.grad = 0.0


def sweep_by(order_of, reset=reset_results, start=None, hand_on=hand_on):
    """A sweep in some order."""
    def answer(result):
        order = order_of(result)
        reset(order)
        start(result) if start else add_one(result)
        for node in order:
            hand_on(node)
        return order
    return answer


def children_before(root):
    return parents_first(root)[::-1]


def add_one(result):
    result.grad += 1.0


def set_one(result):
    result.grad = 1.0


def no_reset(order):
    pass


def reset_inputs(order):
    for node in order:
        if not node.parents:
            node.grad = 0.0


def reset_all(order):
    for node in order:
        node.grad = 0.0


def overwrite(node):
    for parent, partial in zip(node.parents, node.partials):
        parent.grad = node.grad * partial


def overwrite_results(node):
    for parent, partial in zip(node.parents, node.partials):
        parent.grad = node.grad * partial + (0.0 if parent.parents else parent.grad)


def overwrite_inputs(node):
    for parent, partial in zip(node.parents, node.partials):
        parent.grad = node.grad * partial + (parent.grad if parent.parents else 0.0)


def hand_on_by_dict(node):
    for parent, partial in dict(zip(node.parents, node.partials)).items():
        parent.grad += node.grad * partial


def hand_on_first_edge_only(node):
    done = set()
    for parent, partial in zip(node.parents, node.partials):
        if parent not in done:
            parent.grad += node.grad * partial
            done.add(parent)


def hand_on_to_first_parent(node):
    for parent, partial in list(zip(node.parents, node.partials))[:1]:
        parent.grad += node.grad * partial


def hand_on_partial(node):
    for parent, partial in zip(node.parents, node.partials):
        parent.grad += partial


def hand_on_values(node):
    for parent in node.parents:
        parent.grad += node.grad * parent.data


def hand_on_to_operands(node):
    for operand, partial in zip(node.operands, (getattr(node, "da", 0.0), getattr(node, "db", 0.0))):
        operand.grad += node.grad * partial


def hand_on_by_da_and_db(node):
    for operand, partial in zip(node.operands, (node.da, node.db)):
        operand.grad += node.grad * partial


def swap_partials(node):
    for parent, partial in zip(node.parents, reversed(node.partials)):
        parent.grad += node.grad * partial


def recursion_at_every_arrival(result):
    order = []
    reset_results(children_before(result))
    add_one(result)

    def visit(node):
        order.append(node)
        for parent, partial in zip(node.parents, node.partials):
            parent.grad += node.grad * partial
            visit(parent)

    visit(result)
    return order


def recursion_at_first_arrival(result):
    order, visited = [], {result}
    reset_results(children_before(result))
    add_one(result)

    def visit(node):
        order.append(node)
        for parent, partial in zip(node.parents, node.partials):
            parent.grad += node.grad * partial
            if parent not in visited:
                visited.add(parent)
                visit(parent)

    visit(result)
    return order


def recursion_by_path(result):
    order = []
    reset_results(children_before(result))

    def visit(node, part):
        order.append(node)
        node.grad += part
        for parent, partial in zip(node.parents, node.partials):
            visit(parent, part * partial)

    visit(result, 1.0)
    return order


def recursion_by_path_behind_an_order(result):
    order = children_before(result)
    reset_results(order)

    def visit(node, part):
        node.grad += part
        for parent, partial in zip(node.parents, node.partials):
            visit(parent, part * partial)

    visit(result, 1.0)
    return order


def queue_at_every_arrival(result):
    reset_results(children_before(result))
    add_one(result)
    noted = [result]
    for node in noted:
        hand_on(node)
        noted.extend(node.parents)
    return noted


def right_but_returns_parents_first(result):
    return sweep_by(children_before)(result)[::-1]


def leaves_out_inputs(result):
    return [node for node in sweep_by(children_before)(result) if node.parents]


def starts_with_nothing(result):
    order = children_before(result)
    reset_results(order)
    for node in order:
        hand_on(node)
    return order


def starts_before_the_reset(result):
    order = children_before(result)
    result.grad = 1.0
    reset_results(order)
    for node in order:
        hand_on(node)
    return order


def sets_the_result(result):
    order = children_before(result)
    for node in order:
        if node.parents or node is result:
            node.grad = 0.0
    result.grad += 1.0
    for node in order:
        hand_on(node)
    return order


def starts_with_the_value(result):
    result.grad += result.data


def adds_to_the_start(order):
    for node in order[1:]:
        if node.parents:
            node.grad = 0.0


SEED = ("Every derivative is 0: either nothing starts the sweep, or its start is set back to 0 afterwards. Begin with "
        "dL/dL = 1, after the reset.")
LONE_INPUT = ("An input may be the result itself, as x is here. It accumulates like any other input: `+= 1.0`, where "
              "`= 1.0` forgets what it held.")
OVERWRITTEN = ("A node with two children keeps what the last of them handed on: `=` where `+=` is needed. The "
               "derivative is the sum over the children.")
OPERATION_TWICE = ("In a * a and a + a one operation uses the same node twice: two edges, two contributions. A set or "
                   "a dictionary of parents loses one of them: go over `zip(node.parents, node.partials)`.")
STALE = ("In the second call the nodes between inputs and result still hold what the first one left, and hand it on "
         "again. Set the `grad` of every node with parents to 0 before a sweep; the inputs keep theirs.")
INPUTS_RESET = ("After two calls an input should hold twice the derivative. Yours holds it once: set only the nodes "
                "with parents back to 0.")
RESET_TURNED = ("The reset is the wrong way round: the inputs, which have no parents, keep their `grad`, and every "
                "node with parents starts from 0.")
MISSING_PARTIAL = ("A node has a `da` and a `db` only as far as it has operands: an operation on one operand has no "
                   "`db`, an input neither. `zip(node.parents, node.partials)` goes over what is there.")
CONSTANT = ("A constant is a plain number and has no `grad`: go over `node.parents`, which leaves constants out, not "
            "over `node.operands`.")

Exercise(
    "reverse.backward", backward,
    chapter="reverse-mode",
    title="The sweep",
    kind="fill in", grade="core", minutes=15,
    use=run_on,
    tests=[
        children_come_first(ORDERED),
        Swept(CHAIN),
        Swept(UNEVEN, SWAPPED, LONGER, LONGER_SWAPPED),
        Swept(*SQUARED, TWO_INPUTS),
        children_come_first([EQUAL_NUMBERS, *SQUARED, TWO_INPUTS]),
        Swept(EQUAL_NUMBERS),
        Swept(UNEVEN, TWO_INPUTS, calls=2),
        Swept("a = x**2; b = 5 * a; M = a * y; L = b * a", before="M"),
        Swept("L = x", calls=2),
        cost_is_linear,
        stands_a_long_chain,
    ],
    wrong=[
        (sweep_by(pre_order), PRE_ORDER),
        (sweep_by(pre_order_from_the_right), PRE_ORDER),
        (recursion_at_first_arrival, PRE_ORDER),
        (sweep_by(breadth_first), BREADTH_FIRST),
        (sweep_by(breadth_first_from_the_right), BREADTH_FIRST),
        (sweep_by(parents_first), PARENTS_FIRST),
        (recursion_at_every_arrival, AGAIN),
        (queue_at_every_arrival, AGAIN),
        (recursion_by_path, PER_PATH),
        (recursion_by_path_behind_an_order, DOUBLING),
        (sweep_by(last_appearance), DOUBLING),
        (sweep_by(by_recursion), TOO_DEEP),
        (sweep_by(searched_in_a_list), BY_NUMBER),
        (sweep_by(children_before, hand_on=overwrite), OVERWRITTEN),
        (sweep_by(children_before, hand_on=overwrite_results), OVERWRITTEN),
        (sweep_by(children_before, hand_on=overwrite_inputs),
         "An input with two children keeps what the last of them handed on: `=` where `+=` is needed for inputs too."),
        (sweep_by(children_before, hand_on=hand_on_by_dict), OPERATION_TWICE),
        (sweep_by(children_before, hand_on=hand_on_first_edge_only), OPERATION_TWICE),
        (sweep_by(children_before, reset=no_reset), STALE),
        (sweep_by(children_before, reset=no_reset, start=set_one), STALE),
        (sweep_by(children_before, reset=adds_to_the_start),
         "In a second call the result starts from 2: its own `grad` still holds the 1 of the first call."),
        (sweep_by(children_before, reset=reset_all), INPUTS_RESET),
        (sweep_by(children_before, reset=reset_inputs), RESET_TURNED),
        (sweep_by(children_before, reset=reset_inputs, start=set_one), RESET_TURNED),
        (starts_with_nothing, SEED),
        (starts_before_the_reset, SEED),
        (sweep_by(children_before, start=set_one), LONE_INPUT),
        (sets_the_result, LONE_INPUT),
        (sweep_by(children_before, start=starts_with_the_value),
         "You start from the value of the result. The derivative of the result by itself is 1."),
        (sweep_by(children_before, hand_on=hand_on_partial),
         "You add up the partials on the edges. Each has to be multiplied by the derivative of the result by the "
         "child, `node.grad`."),
        (sweep_by(children_before, hand_on=hand_on_values),
         "You multiply by the parent's value. What stands on the edge is the partial, in `node.partials`."),
        (sweep_by(children_before, hand_on=swap_partials),
         "The partials are at the wrong parents: `node.partials` has one for each of `node.parents`, in this order."),
        (sweep_by(children_before, hand_on=hand_on_to_first_parent),
         "Only the first parent of each node receives something: an operation hands on to all of its parents."),
        (sweep_by(children_before, hand_on=hand_on_to_operands), CONSTANT),
        (sweep_by(children_before, hand_on=hand_on_by_da_and_db), MISSING_PARTIAL),
        (right_but_returns_parents_first, ONLY_THE_LIST),
        (leaves_out_inputs, "x is missing from the list. Every node that L was computed from belongs to it."),
    ],
    hints=[
        "Four steps: an order in which every child comes first, the right `grad` to start with for every node, the 1 "
        "at the result, and one loop that hands on.",
        "`topological_order(result)` has parents before children. Which way round do you need it?",
        "Before the loop, `node.grad = 0.0` for every node with parents: an input has none, and accumulates.",
        "In the loop: `for parent, partial in zip(node.parents, node.partials): parent.grad += node.grad * partial`.",
    ],
    note="If your order is another one: every order in which each child comes first gives the same derivatives, up to "
         "the rounding of sums that are added in another order.",
)


# Counting children


def children_first(result):
    """Every node before the result, once, after all of its children."""
    waiting = Counter()
    for node in breadth_first(result):
        for parent in node.parents:
            waiting[parent] += 1
    order, ready = [], [result]
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in node.parents:
            waiting[parent] -= 1
            if waiting[parent] == 0:
                ready.append(parent)
    return order


def counts_children_ticks_edges(result):
    """Every node before the result, once, after all of its children."""
    waiting = Counter()
    for node in breadth_first(result):
        for parent in set(node.parents):
            waiting[parent] += 1
    order, ready = [], [result]
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in node.parents:
            waiting[parent] -= 1
            if waiting[parent] == 0:
                ready.append(parent)
    return order


def counting(edges_of=lambda node: node.parents, ticks_of=lambda node: node.parents, is_ready=lambda n: n == 0,
             last=-1, nodes_of=breadth_first):
    """The order by counting, with one thing changed."""
    def answer(result):
        waiting = Counter()
        for node in nodes_of(result):
            for parent in edges_of(node):
                waiting[parent] += 1
        order, ready = [], [result]
        while ready:
            node = ready.pop(last)
            order.append(node)
            for parent in ticks_of(node):
                waiting[parent] -= 1
                if is_ready(waiting[parent]):
                    ready.append(parent)
        return order
    return answer


def distinct(node):
    return tuple(dict.fromkeys(node.parents))


STILL_CHILDREN = ("Still two different things are counted: a child is counted once for each parent and ticked off once "
                  "for each edge, so a node with two edges to one child is taken too early.")

Exercise(
    "reverse.children_first", children_first,
    chapter="reverse-mode",
    title="Counting children",
    kind="spot the bug", grade="stretch", minutes=15,
    stub=counts_children_ticks_edges,
    use=run_on,
    tests=[
        children_come_first(ORDERED, swept=False),
        children_come_first([*SQUARED, TWO_INPUTS, EQUAL_NUMBERS], swept=False),
        cost_is_linear,
        stands_a_long_chain,
    ],
    wrong=[
        (counts_children_ticks_edges, STILL_CHILDREN),
        (counting(edges_of=distinct, last=0),
         "a comes before its child b, which has not given it its part yet. Every child comes first."),
        (counting(ticks_of=distinct),
         "a is missing from the list. Every node that L was computed from belongs to it."),
        (counting(edges_of=distinct, is_ready=lambda n: n <= 0),
         "a is in the list more than once: each node goes there once."),
        (counting(is_ready=lambda n: n <= 1),
         "a is in the list more than once: each node goes there once."),
        (breadth_first, BREADTH_FIRST),
        (pre_order, PRE_ORDER),
        (parents_first, PARENTS_FIRST),
        (appearances, "a is in the list more than once: each node goes there once."),
        (last_appearance, DOUBLING),
        (by_recursion, TOO_DEEP),
        (counting(nodes_of=appearances),
         "a is missing from the list. Every node that L was computed from belongs to it."),
    ],
    hints=[
        "What does the first loop count for a in s = a * a, and how often does the second loop subtract?",
        "Give a a second child, b = 5 * a, and let s have its turn first: L = b + s.",
        "Either count edges in both loops, or go over `set(node.parents)` in both.",
    ],
    note="Counting looks at each edge twice, so its work is linear, and there is no recursion to run out of. Like "
         "depth-first order, it takes a walk before the walk that sweeps.",
)


# Two sweeps over the same nodes

Exercise(
    "reverse.two_sweeps", (33, 3),
    chapter="reverse-mode",
    title="Two sweeps over the same nodes",
    kind="predict", grade="easy", minutes=5,
    wrong=[
        ((27, 3), "x is an input: what the first sweep left there stays, and the second adds to it."),
        ((33, 4), "y is a result, not an input: the second sweep sets its grad back before it begins."),
        ((39, 4), "y is a result: the second sweep sets its grad back to 0, so it hands on 3, not 1 + 3."),
        ((33, 1), "y takes part in the second sweep too: its grad is the derivative of z then."),
        ((6, 1), "That is the state after the first sweep. The second one adds to x and renews y."),
        ((15, 3), "In the second sweep x receives something over two ways: over its edge to z, and through y."),
        ((24, 3), "In the second sweep x receives something over two ways: through y, and over its edge to z."),
        ((30, 3), "In y = x * x, x is used twice: the first sweep gives 2x, not x."),
        ((3, 33), "The two numbers are in the wrong order: first x.grad, then y.grad."),
        ((33, 9), "The partial of z = y x by y is x, not y."),
        ((27, 4), "It is the other way round: the input accumulates, the result in between starts afresh."),
    ],
    hints=[
        "After the first sweep: y.grad is 1, and x.grad is the derivative of x².",
        "The second sweep starts from z. Which nodes are set back to 0 before it, and which keep what they have?",
        "z = x³, so the second sweep adds 3x² to x.grad. And dz/dy is x.",
    ],
    note="x.grad is the derivative of y + z by x, 2x + 3x². The grad of y belongs to the last sweep alone.",
)
