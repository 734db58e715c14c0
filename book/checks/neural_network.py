"""Exercises on a neural network of numbers."""

import math

from checks.exercise import Exercise
from checks.tests import agrees, at
from minigrad import Value

Exercise(
    "neural_network.counts", (35, 61),
    chapter="neural-network",
    title="Count the parameters",
    kind="predict", grade="easy", minutes=6,
    wrong=[
        ((27, 61), "The biases are missing among the parameters: each of the eight neurons has one."),
        ((38, 61), "The inputs are no neurons and have no bias: three parameters too many."),
        ((27, 53), "Each neuron has a bias, which is a parameter, and which is added: both numbers are eight short."),
        ((35, 53), "The bias is added too: a neuron with n inputs makes n products and n sums."),
        ((35, 62), "The last neuron has no activation: the identity makes no new Value."),
        ((35, 54), "The activations are missing: each hidden neuron makes one more Value with tanh."),
        ((35, 96), "The parameters are Values, but not new ones: a call does not make them again."),
        ((35, 34), "The sums are missing: each addition makes a Value too."),
        ((35, 27), "Only the products are counted: each addition and each tanh makes a Value too."),
        ((35, 8), "One Value for each neuron is its result alone: every product and every sum on the way is a Value."),
        ((61, 35), "The two numbers are swapped: parameters first."),
    ],
    hints=[
        "Go neuron by neuron. Those of the first hidden layer have three inputs, those of the second five, the last "
        "one two.",
        "A neuron with n inputs has n + 1 parameters. Its loop makes two Values in each round: a product and a sum.",
        "The five neurons of the first layer have 5 · 4 parameters and make 5 · (2 · 3 + 1) Values.",
    ],
    note="The sum starts from the bias. Started from 0 instead, with the bias added at the end, it would make one "
         "Value more for each neuron.",
)


def squared_hinge(m):
    """The rule of max(0, 1 − m)²: its value, then its derivative."""
    missing = max(0.0, 1 - m)
    return missing**2, -2 * missing


def margins(generator):
    """A margin on either side of 1, not close to it."""
    return generator.choice([generator.uniform(-2, 0.9), generator.uniform(1.1, 4)])


Exercise(
    "neural_network.squared_hinge", squared_hinge,
    chapter="neural-network",
    title="A hinge without a kink",
    kind="derive", grade="easy", minutes=6,
    tests=[
        at(0.5, gives=(0.25, -1.0)),
        at(3.0, gives=(0.0, 0.0)),
        at(1.0, gives=(0.0, 0.0)),
        agrees(margins),
    ],
    wrong=[
        (lambda m: (max(0.0, 1 - m) ** 2, 2 * max(0.0, 1 - m)),
         "The sign of the derivative is lost: the inner function 1 − m has the slope −1."),
        (lambda m: (max(0.0, 1 - m) ** 2, -max(0.0, 1 - m)),
         "The factor 2 of the square is missing in the derivative."),
        (lambda m: (max(0.0, 1 - m) ** 2, -1.0 if m < 1 else 0.0),
         "Your derivative is that of the hinge without the square."),
        (lambda m: (max(0.0, 1 - m), -1.0 if m < 1 else 0.0),
         "That is the hinge loss itself: the square is missing."),
        (lambda m: ((1 - m) ** 2, -2 * (1 - m)),
         "A margin above 1 costs nothing: the maximum with 0 comes before the square."),
        (lambda m: (max(0.0, 1 - m) ** 2, -2 * (1 - m)),
         "The value is right, but the derivative is not 0 where the margin is above 1."),
        (lambda m: (max(0.0, 1 - m) ** 2, -2.0),
         "The derivative is a constant in your answer: the derivative of u² is 2u, taken at u = max(0, 1 − m)."),
        (lambda m: (max(0.0, 1 - m) ** 2, -2 * m if m < 1 else 0.0),
         "The outer derivative 2u is taken at m: it belongs at u = 1 − m."),
        (lambda m: (max(0.0, 1 - m**2), -2 * m if m < 1 else 0.0),
         "You squared m: it is 1 − m that is squared."),
        (lambda m: (-2 * max(0.0, 1 - m), max(0.0, 1 - m) ** 2),
         "The value and the derivative are swapped: a rule returns the value first."),
        (lambda m: (max(0.0, 1 - m) ** 2, -2.0 if m < 1 else 0.0),
         "The factor 1 − m is missing in the derivative."),
        (lambda m: (max(0.0, 1 - m) ** 2, 2 * (1 - m)),
         "Two things are wrong with the derivative: its sign, for 1 − m has the slope −1, and it is not 0 where the "
         "margin is above 1."),
        (lambda m: (max(0.0, 1 - m) ** 2, -2 * max(0.0, 1 - m)) if m != 1 else None,
         "At m = 1 your function returns None. There the quotient goes to 0 from both sides: value and derivative are "
         "0."),
        (lambda m: max(0.0, 1 - m) ** 2,
         "That is the value alone: return the pair of value and derivative."),
        (lambda m: -2 * max(0.0, 1 - m),
         "That is the derivative alone: return the pair of value and derivative."),
    ],
    hints=[
        "Write u = max(0, 1 − m). For m < 1 it is 1 − m, for m > 1 it is 0. The loss is u².",
        "The chain rule: 2u times the slope of u, which is −1 for m < 1 and 0 for m > 1.",
        "For m > 1, u is 0, so −2u is right on both sides.",
    ],
    note="At m = 1 the slope goes to 0 from the left as well, so there is a derivative, and the gradient check cannot "
         "fall on a kink. The second derivative jumps, from 2 to 0.",
)


def unit_gradient(v, c, w, b, x, y):
    """The derivatives of max(0, 1 − y(w tanh(vx + c) + b)) by v, c, w and b."""
    a = math.tanh(v * x + c)
    s = w * a + b
    by_s = -y if y * s < 1 else 0.0
    by_z = by_s * w * (1 - a**2)
    return by_z * x, by_z, by_s * a, by_s


def unit(by_s=lambda y, s: -y if y * s < 1 else 0.0, slope=lambda a, z: 1 - a**2, result=lambda a, z: a,
         form=lambda v, c, w, b: (v, c, w, b), x_of=lambda x: x, w_of=lambda w: w):
    """The gradient of the unit with a mistake in one place."""
    def answer(v, c, w, b, x, y):
        z = v * x + c
        a = math.tanh(z)
        upstream = by_s(y, w * a + b)
        by_z = upstream * w_of(w) * slope(a, z)
        return form(by_z * x_of(x), by_z, upstream * result(a, z), upstream)
    return answer


def units(generator):
    """Parameters, an input and a label, with a margin away from the kink at 1 and from 0."""
    while True:
        v, c, w, b, x = (generator.uniform(-1.5, 1.5) for _ in range(5))
        y = generator.choice([-1, 1])
        margin = y * (w * math.tanh(v * x + c) + b)
        if min(abs(margin - 1), abs(margin)) > 0.05:
            return v, c, w, b, x, y


Exercise(
    "neural_network.unit_gradient", unit_gradient,
    chapter="neural-network",
    title="One hidden neuron by hand",
    kind="derive", grade="core", minutes=12,
    tests=[
        at(0.0, 0.0, 3.0, 0.5, 2.0, 1, gives=(-6.0, -3.0, 0.0, -1.0)),
        at(0.0, 0.0, 3.0, 2.5, 2.0, 1, gives=(0.0, 0.0, 0.0, 0.0)),
        at(0.5, -1.0, 3.0, 1.0, 2.0, 1, gives=(0.0, 0.0, 0.0, 0.0)),
        agrees(units, times=30),
    ],
    wrong=[
        (unit(by_s=lambda y, s: y if y * s < 1 else 0.0),
         "All signs are turned: the loss falls when y·s grows, so its derivative by s is −y."),
        (unit(by_s=lambda y, s: -1.0 if y * s < 1 else 0.0),
         "The label is missing: by the margin the slope is −1, and the margin moves by y when s moves by 1."),
        (unit(by_s=lambda y, s: -y),
         "A point with a margin above 1 costs nothing and pulls at nothing: there all four derivatives are 0."),
        (unit(by_s=lambda y, s: -y if y * s <= 1 else 0.0),
         "At a margin of exactly 1 you take the slope −1: the convention of the book takes 0, the subgradient of least "
         "absolute value."),
        (unit(by_s=lambda y, s: -0.5 * y if y * s == 1 else -y if y * s < 1 else 0.0),
         "At a margin of exactly 1 you take the mean of both slopes: the convention of the book takes 0."),
        (unit(by_s=lambda y, s: -y if s < 1 else 0.0),
         "It is the margin y·s that is compared with 1, not the score."),
        (unit(by_s=lambda y, s: -y if y * s < 0 else 0.0),
         "The hinge bends at a margin of 1, not of 0: a point on its side with a small margin pulls as well."),
        (unit(by_s=lambda y, s: -(1 - y * s) * y if y * s < 1 else 0.0),
         "The loss itself is not a factor of its derivative: the slope of 1 − m is −1, wherever m is."),
        (unit(slope=lambda a, z: 1.0),
         "The slope of tanh is missing in the derivatives by v and c: it is 1 − a²."),
        (unit(slope=lambda a, z: 1 - z**2),
         "The slope of tanh is 1 − a², with a = tanh(z): you took z."),
        (unit(slope=lambda a, z: 1 - a),
         "The slope of tanh is 1 − a²: the square is missing."),
        (unit(slope=lambda a, z: a * (1 - a)),
         "a(1 − a) is the slope of the logistic function: that of tanh is 1 − a²."),
        (unit(w_of=lambda w: 1.0),
         "The factor w is missing in the derivatives by v and c: what moves a moves the score w times as much."),
        (unit(x_of=lambda x: 1.0),
         "The factor x is missing in the derivative by v."),
        (unit(result=lambda a, z: z),
         "By w the derivative has the factor a = tanh(z), not z: w weighs the result of the hidden neuron."),
        (unit(result=lambda a, z: 1.0),
         "The factor a is missing in the derivative by w."),
        (unit(form=lambda v, c, w, b: (w, b, v, c)),
         "The order is v, c, w, b: first the hidden neuron."),
        (unit(form=lambda v, c, w, b: (b, w, c, v)),
         "The order is v, c, w, b: yours is the reverse, as the sweep finds them."),
        (unit(form=lambda v, c, w, b: (v, w, c, b)),
         "The order is v, c, w, b: both parameters of the hidden neuron, then both of the score."),
        (unit(form=lambda v, c, w, b: (c, v, w, b)),
         "The derivatives by v and c are swapped."),
        (unit(form=lambda v, c, w, b: (v, c, b, w)),
         "The derivatives by w and b are swapped."),
    ],
    hints=[
        "Go back from the loss: first its derivative by s, which is −y or 0.",
        "From s = wa + b: the derivative by b is that by s, the one by w is a times as much, and the one by a is w "
        "times as much.",
        "From a = tanh(z) with z = vx + c: multiply by 1 − a² to reach c, and by x as well to reach v.",
    ],
    note="If w is 0, v and c have the derivative 0: the hidden neuron hears of the loss through w alone. That is why a "
         "network does not start with all weights 0.",
)


Exercise(
    "neural_network.rates", (0.216, -1.0, -2.744),
    chapter="neural-network",
    title="Three learning rates",
    kind="predict", grade="easy", minutes=6, tolerance=2e-3,
    wrong=[
        ((0.512, 0.0, -0.008), "The derivative of 2w² is 4w, not 2w."),
        ((0.216, 1.0, 2.744), "The sign is lost: a factor below 0 changes the sign of w in every step, three times."),
        ((2.744, 27.0, 39.304), "You went with the gradient: the step is minus eta times the derivative."),
        ((0.6, -1.0, -1.4), "That is w after one step: there are three."),
        ((0.36, 1.0, 1.96), "That is w after two steps: there are three."),
        ((0.1296, 1.0, 3.8416), "That is w after four steps: there are three."),
        ((-0.2, -5.0, -6.2),
         "You took the derivative at w = 1 for every step: it is to be taken anew where w has come to."),
        ((0.093312, 2.0, 15.059072), "These are the losses: w is asked for."),
        ((0.729, 0.125, 0.064), "The derivative of 2w² is 4w: you have used w."),
    ],
    hints=[
        "One step: w − eta · 4w. Take w out: by which factor is it multiplied?",
        "The factor is 1 − 4·eta, in every step the same: three steps multiply by its cube.",
    ],
    note="For eta = 0.5 the loss stays what it was, and w jumps from one side to the other. Beyond that each step goes "
         "further than the one before: the loss grows, although every step goes against the gradient.",
)


def descend(parameters, loss, rate, steps):
    """Take steps of gradient descent; return the numbers in the parameters."""
    for _ in range(steps):
        for p in parameters:
            p.grad = 0.0
        loss().backward()
        for p in parameters:
            p.data -= rate * p.grad
    return [p.data for p in parameters]


def descend_on_one_graph(parameters, loss, rate, steps):
    """Take steps of gradient descent; return the numbers in the parameters."""
    L = loss()
    for _ in range(steps):
        for p in parameters:
            p.grad = 0.0
        L.backward()
        for p in parameters:
            p.data -= rate * p.grad
    return [p.data for p in parameters]


def descend_on_the_last_graph(parameters, loss, rate, steps):
    built = loss()
    for _ in range(steps):
        for p in parameters:
            p.grad = 0.0
        built.backward()
        built = loss()
        for p in parameters:
            p.data -= rate * p.grad
    return [p.data for p in parameters]


def descend_without_zeroing(parameters, loss, rate, steps):
    for _ in range(steps):
        loss().backward()
        for p in parameters:
            p.data -= rate * p.grad
    return [p.data for p in parameters]


def descend_on_one_graph_without_zeroing(parameters, loss, rate, steps):
    built = loss()
    for _ in range(steps):
        built.backward()
        for p in parameters:
            p.data -= rate * p.grad
    return [p.data for p in parameters]


def descend_zeroing_too_late(parameters, loss, rate, steps):
    for _ in range(steps):
        loss().backward()
        for p in parameters:
            p.grad = 0.0
            p.data -= rate * p.grad
    return [p.data for p in parameters]


def descend_upwards(parameters, loss, rate, steps):
    for _ in range(steps):
        for p in parameters:
            p.grad = 0.0
        loss().backward()
        for p in parameters:
            p.data += rate * p.grad
    return [p.data for p in parameters]


def descend_one_by_one(parameters, loss, rate, steps):
    for _ in range(steps):
        for p in parameters:
            for q in parameters:
                q.grad = 0.0
            loss().backward()
            p.data -= rate * p.grad
    return [p.data for p in parameters]


def descend_zeroing_the_first(parameters, loss, rate, steps):
    for _ in range(steps):
        parameters[0].grad = 0.0
        loss().backward()
        for p in parameters:
            p.data -= rate * p.grad
    return [p.data for p in parameters]


def descend_zeroing_the_numbers(parameters, loss, rate, steps):
    for _ in range(steps):
        loss().backward()
        for p in parameters:
            p.data -= rate * p.grad
            p.data = 0.0
    return [p.data for p in parameters]


def descend_without_a_rate(parameters, loss, rate, steps):
    for _ in range(steps):
        for p in parameters:
            p.grad = 0.0
        loss().backward()
        for p in parameters:
            p.data -= p.grad
    return [p.data for p in parameters]


def descend_once(parameters, loss, rate, steps):
    for p in parameters:
        p.grad = 0.0
    loss().backward()
    for p in parameters:
        p.data -= rate * p.grad
    return [p.data for p in parameters]


def descend_with_unit_steps(parameters, loss, rate, steps):
    for _ in range(steps):
        for p in parameters:
            p.grad = 0.0
        loss().backward()
        length = math.hypot(*(p.grad for p in parameters)) or 1.0
        for p in parameters:
            p.data -= rate * p.grad / length
    return [p.data for p in parameters]


def descend_and_return_gradient(parameters, loss, rate, steps):
    descend(parameters, loss, rate, steps)
    return [p.grad for p in parameters]


def descend_in_new_boxes(parameters, loss, rate, steps):
    for _ in range(steps):
        for p in parameters:
            p.grad = 0.0
        loss().backward()
        parameters = [type(p)(p.data - rate * p.grad) for p in parameters]
    return [p.data for p in parameters]


class Bowl:
    """A loss of two parameters whose axes are not those of the parameters; it is shown as its formula."""

    def __call__(self, u, v):
        return (u - 1) ** 2 + 1.5 * (v + 0.5) ** 2 + 0.8 * u * v

    def __repr__(self):
        return "loss of u, v: (u − 1)² + 1.5 (v + 0.5)² + 0.8 u v"


BOWL = Bowl()


def descent(answer, start, bowl, rate, steps):
    """What the answer returns, and what it leaves in the parameters."""
    parameters = [answer.own(Value)(number) for number in start]
    boxes = list(parameters)
    returned = answer(parameters, lambda: bowl(*parameters), rate, steps)
    return {"returned": returned, "in the parameters": [p.data for p in boxes]}


def starts(generator):
    """The start of two parameters, the loss, a rate at which it falls, and a number of steps."""
    start = [generator.uniform(-2, 2), generator.uniform(-2, 2)]
    return start, BOWL, generator.uniform(0.05, 0.25), generator.randint(2, 6)


Exercise(
    "neural_network.descend", descend,
    chapter="neural-network",
    title="A descent that overshoots",
    kind="spot the bug", grade="core", minutes=8,
    stub=descend_on_one_graph,
    use=descent,
    tests=[
        agrees([([2.0, 1.0], BOWL, 0.1, 1)]),
        agrees([([2.0, 1.0], BOWL, 0.1, 3)]),
        agrees(starts),
    ],
    wrong=[
        (descend_on_one_graph,
         "Every step uses the derivatives at the start: the loss is built once, and its graph keeps the numbers of "
         "that moment. Call `loss()` in every step."),
        (descend_on_the_last_graph,
         "Each step uses the derivatives of the step before: the loss is built again before the parameters have moved. "
         "Call `loss()` after they have."),
        (descend_on_one_graph_without_zeroing,
         "The loss is still built once; and without `p.grad = 0.0` each sweep adds to what the ones before have left."),
        (descend_without_zeroing,
         "From the second step on, `grad` holds the derivatives of all steps so far: `backward` adds. Set `grad` to 0 "
         "in every step before the sweep, for every parameter."),
        (descend_zeroing_too_late,
         "No parameter moves. Is `grad` set to 0 between `backward` and the step, or is only the name `p` bound to "
         "something new, where `p.data` should change?"),
        (descend_upwards,
         "The parameters go with the gradient, uphill: the step has a minus sign."),
        (descend_one_by_one,
         "The second parameter is moved by a derivative that was taken after the first had moved: take all "
         "derivatives first, then move."),
        (descend_zeroing_the_first,
         "The first parameter is right, and the others still add up: set the `grad` of every parameter to 0."),
        (descend_zeroing_the_numbers,
         "The parameters themselves are set to 0: it is their `grad` that has to be."),
        (descend_without_a_rate,
         "The rate is missing in the step."),
        (descend_once,
         "One step is taken, whatever `steps` is."),
        (descend_with_unit_steps,
         "Your steps all have the same length: a step of gradient descent is as long as the rate times the gradient."),
        (descend_in_new_boxes,
         "The new numbers are in new Values, of which `loss` knows nothing: change the `data` of those in "
         "`parameters`."),
        (descend_and_return_gradient,
         "The parameters are right, but what is returned are their derivatives: return the numbers, `p.data`."),
    ],
    hints=[
        "What does `L.backward()` multiply? Those numbers lie on the edges of the graph. When were they computed?",
        "The graph has to be of the numbers that the parameters hold now: `loss()` builds one.",
        "Move `L = loss()` into the loop.",
    ],
    note="From one graph every step gets the gradient of the start: the parameters walk on along one straight line, "
         "past the minimum and beyond. The zeros are needed too: with a new graph in every step but without them, the "
         "gradients of all steps add up, and the parameters swing about the minimum and do not settle.",
)


def logistic(score, y):
    """The logistic loss of a score for a label of +1 or -1: log(1 + exp(-y score))."""
    m = y * score
    if m >= 0:
        return (1 + (-m).exp()).log()
    return -m + (1 + m.exp()).log()


def logistic_constant_part(score, y):
    m = y * score
    if m >= 0:
        return (1 + (-m).exp()).log()
    return -m.data + (1 + m.exp()).log()


def logistic_tail_cut(score, y):
    m = y * score
    return (1 + (-m).exp()).log() if m >= 0 else -m


def logistic_with_one_sign(score, y):
    m = y * score
    if m >= 0:
        return (1 + (-m).exp()).log()
    return m + (1 + m.exp()).log()


def logistic_without_shift(score, y):
    m = y * score
    return (1 + (-m).exp()).log() if m >= 0 else (1 + m.exp()).log()


def logistic_by_score(score, y):
    if score >= 0:
        return (1 + (-(y * score)).exp()).log()
    return -(y * score) + (1 + (y * score).exp()).log()


def plain_sigmoid(a):
    """The logistic function of a plain number."""
    e = math.exp(-abs(a))
    return 1 / (1 + e) if a >= 0 else e / (1 + e)


def logistic_and_slope(score, y):
    """The loss and its derivative by the score, from the formulas."""
    m = y * score
    return loss_and_slope(max(-m, 0.0) + math.log1p(math.exp(-abs(m))), -y * plain_sigmoid(-m))


def loss_and_slope(loss, slope):
    """What is compared, by name, so that a message says which number is which."""
    return {"loss": loss, "derivative by the score": slope}


def pulled(answer, score, y):
    """The loss that the answer computes, and what backward leaves in the score."""
    box = answer.own(Value)(score)
    loss = answer(box, y)
    loss.backward()
    return loss_and_slope(loss.data, box.grad)


Exercise(
    "neural_network.logistic", logistic,
    chapter="neural-network",
    title="The logistic loss, without overflow",
    kind="fill in", grade="core", minutes=8,
    use=pulled,
    tests=[
        at(0.0, 1, gives=loss_and_slope(math.log(2), -0.5)),
        at(1.5, 1, gives=logistic_and_slope(1.5, 1)),
        at(1.5, -1, gives=logistic_and_slope(1.5, -1)),
        at(-800.0, 1, gives=loss_and_slope(800.0, -1.0)),
        at(800.0, -1, gives=loss_and_slope(800.0, 1.0)),
        at(800.0, 1, gives=loss_and_slope(0.0, 0.0)),
        agrees(lambda generator: (generator.uniform(-4, 4), generator.choice([-1, 1])), logistic_and_slope),
    ],
    wrong=[
        (lambda score, y: -(y * score).sigmoid().log(),
         "Right for scores of ordinary size. At a margin of −800 the sigmoid is 0, and the logarithm of 0 fails: take "
         "the large part out of the logarithm first."),
        (lambda score, y: (1 + (-(y * score)).exp()).log(),
         "Right for scores of ordinary size. At a margin of −800 the exponential overflows: treat negative margins "
         "apart."),
        (lambda score, y: (y * score).sigmoid().log(),
         "The minus sign is missing: log σ is negative, and a loss is to be made small."),
        (lambda score, y: -score.sigmoid().log(),
         "The label is missing: the loss is that of the margin y·score."),
        (lambda score, y: (1 + (y * score).exp()).log(),
         "The sign of the exponent is turned: this loss grows with the margin."),
        (lambda score, y: (1 - y * score).relu(),
         "That is the hinge loss."),
        (lambda score, y: (1 + (-(y * score)).exp()).log() / math.log(2),
         "The logarithm is to be the natural one: at score 0 the loss is log 2, about 0.693."),
        (logistic_constant_part,
         "The value is right, the derivative is not: a number taken out of its box is a constant. Use -m, not "
         "-m.data."),
        (logistic_tail_cut,
         "For a negative margin the loss is larger than −m: add log(1 + exp(m))."),
        (logistic_with_one_sign,
         "For a negative margin, exp(−m) is taken out of the logarithm: what is added is −m, not m."),
        (logistic_without_shift,
         "For a negative margin, log(1 + exp(m)) is not the same as log(1 + exp(−m)): they differ by −m."),
        (logistic_by_score,
         "Which form is safe depends on the sign of the margin y·score, not of the score."),
        (lambda score, y: Value(logistic_and_slope(score.data, y)["loss"]),
         "The value is right, but it is no longer connected with the score: compute with the Value itself, so that "
         "backward finds its way."),
    ],
    hints=[
        "Let m = y * score. For m ≥ 0 the formula log(1 + exp(−m)) is safe as it stands.",
        "For m < 0 write 1 + exp(−m) = exp(−m) · (exp(m) + 1), and take the logarithm of the product.",
        "For m < 0 the loss is -m + (1 + m.exp()).log().",
    ],
    note="An `if` in a program chooses which operations are recorded. Here both branches are the same function, so the "
         "derivative is right in either; in general it is that of the branch that was taken.",
)
