"""The figures as a picture."""

from statistics import median

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 - after the backend is chosen

#: Of each kind of work, what the times are divided by.
BASES = ("NumPy by hand", "value", "minigrad")

#: A colour and a shape for each: the shape for readers who tell the colours apart less easily.
STYLES = {
    "minigrad": ("tab:blue", "o"),
    "minigrad, np.* calls": ("tab:blue", "s"),
    "autograd": ("tab:orange", "^"),
    "mygrad": ("tab:green", "v"),
    "PyTorch": ("tab:red", "D"),
    "JAX, compiled": ("tab:purple", "P"),
    "micrograd": ("tab:brown", "X"),
}


def plot(records, path):
    """Draw the times beside each other, and how the figures stand to their targets."""
    height = 2 + 0.25 * max(len(compared(records)), len(judged(records)))
    figure, (left, right) = plt.subplots(1, 2, figsize=(16, height), layout="constrained")
    times(left, compared(records))
    standing(right, judged(records))
    figure.savefig(path, dpi=120)
    plt.close(figure)


def compared(records):
    """The works with times of several libraries, with one thread, as they appear in the table."""
    return [
        record
        for record in records
        if record["kind"] == "times" and record["threads"] != "all" and "minigrad" in record["seconds"]
    ]


def judged(records):
    return [record for record in records if record["kind"] == "figure" and record["met"] is not None]


def times(axes, records):
    for i, record in enumerate(records):
        seconds = record["seconds"]
        base = next(name for name in BASES if name in seconds)
        for name, (colour, marker) in STYLES.items():
            if name in seconds:
                ratio = median(a / b for a, b in zip(seconds[name], seconds[base]))
                axes.plot(ratio, i, marker, color=colour, markersize=8)
    for name, (colour, marker) in STYLES.items():
        if any(name in record["seconds"] for record in records):
            axes.plot([], [], marker, color=colour, label=name)
    axes.axvline(1, color="0.5", linewidth=1)
    axes.set_title("Time with one thread. 1 is NumPy by hand,\nfor the mixture its value alone, for numbers minigrad")
    labelled(axes, [record["work"] for record in records])
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.04), ncols=4, fontsize="small")


def standing(axes, figures):
    for i, figure in enumerate(figures):
        if figure["at_least"] is None:
            margin = figure["value"] / figure["at_most"]
        else:
            margin = figure["at_least"] / figure["value"]
        axes.plot(margin, i, "o" if figure["met"] else "X", color="tab:blue" if figure["met"] else "tab:red")
    axes.axvline(1, color="0.5", linewidth=1)
    axes.set_title("Beside the target: left of 1 it is met,\nright of it (a red cross) it is missed")
    labelled(axes, [f"{figure['work']}: {figure['quantity']}" for figure in figures])


def labelled(axes, names):
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(names)), names, fontsize="small")
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", which="both", alpha=0.3)
