"""The table: what was measured, beside what it is compared with and what we want."""

import os
import platform
from dataclasses import dataclass
from statistics import median

from bench.measure import Figures

BARE_OF_GOALS = 22_000
"""Operations per second of a bare ASGI route on the machine the goals were measured on."""
RATES_OF_GOALS = {"W2": 3 * 2_761, "W2p": 0, "W6": 8 * 1_051}
"""What we want to reach on that machine: 3 and 8 times the best that was found elsewhere; 0 where nobody has said."""

STEADY = frozenset({"rest", "loaded", "page"})
"""What is the same however busy the machine is."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    what: str
    measured: str
    compared: str
    goal: str
    is_met: bool | None


def rows(figures: Figures) -> list[Row]:
    """Every line."""
    return [*_work_rows(figures), *_start_rows(figures)]


def text_table(figures: Figures) -> str:
    """The table for people at a terminal."""
    cells = [
        ("", "what", "measured", "compared", "goal", ""),
        *(_cells(row, is_busy=figures.is_busy) for row in rows(figures)),
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def markdown_table(figures: Figures) -> str:
    """The table for a document, under what it was measured on."""
    head = "| | what | measured | compared | goal | |\n| --- | --- | --- | --- | --- | --- |\n"
    lines = "".join("| " + " | ".join(_cells(row, is_busy=figures.is_busy)) + " |\n" for row in rows(figures))
    return f"{circumstances(figures)}\n\n{head}{lines}"


def circumstances(figures: Figures) -> str:
    """On what it was measured, how often, and whether that can be believed."""
    said = (
        f"Medians of {len(figures.starts)} rounds. Python {platform.python_version()}, {platform.system()} on "
        f"{platform.machine()}, {os.cpu_count()} cores, load {figures.load_before:.1f} before it began."
    )
    return f"{said} The machine was busy: no verdicts on time." if figures.is_busy else said


def _work_rows(figures: Figures) -> list[Row]:
    part = _ratios(figures, "hash", "W1")
    made = [_cost_row(figures, "bare"), _cost_row(figures, "hash")]
    made.append(
        _cost_row(figures, "W1", f"{_spread(part)} of it is the hash", "95% at least", is_met=median(part) >= 0.95)
    )
    for name, rate in RATES_OF_GOALS.items():
        share, wanted = _ratios(figures, "bare", name), rate / BARE_OF_GOALS
        goal, is_met = (f"{wanted:.0%} at least", median(share) >= wanted) if rate else ("", None)
        made.append(_cost_row(figures, name, f"{_spread(share)} of bare ASGI's rate", goal, is_met=is_met))
    fold = figures.cost("fold")
    made.append(_cost_row(figures, "fold", "", "under 50 us", is_met=fold < 50))
    of_check = figures.cost("stamp") / figures.cost("W2")
    made.append(_cost_row(figures, "stamp", f"{of_check:.1%} of a session check (W2)"))
    beyond = figures.cost("passkey") - figures.cost("es256")
    made.append(_cost_row(figures, "es256"))
    made.append(
        _cost_row(figures, "passkey", f"{beyond:.0f} us beyond the signature", "1 ms at most", is_met=beyond <= 1_000)
    )
    around = figures.cost("W1k") - figures.cost("passkey")
    made.append(_cost_row(figures, "W1k", f"{around:,.0f} us beyond checking the answer (passkey)"))
    made.append(_cost_row(figures, "totp"))
    return made


def _ratios(figures: Figures, floor: str, work: str) -> list[float]:
    """What a floor costs of a work, in each round: the two were measured within seconds of one another."""
    return [below / above for below, above in zip(figures.cpu[floor], figures.cpu[work], strict=True)]


def _spread(ratios: list[float]) -> str:
    """The median, and between what the rounds lay."""
    return f"{median(ratios):.0%} ({min(ratios):.0%} to {max(ratios):.0%})"


def _cost_row(figures: Figures, name: str, compared: str = "", goal: str = "", *, is_met: bool | None = None) -> Row:
    cost = figures.cost(name)
    measured = f"{cost:,.{0 if cost >= 10 else 1}f} us CPU, {1e6 / cost:,.0f} a second of one core"
    return Row(name, figures.what[name], measured, compared, goal, is_met)


def _start_rows(figures: Figures) -> list[Row]:
    cpu = median(start.cpu_seconds for start in figures.starts)
    wall = median(start.wall_seconds for start in figures.starts)
    resting = median(start.resident_mib for start in figures.starts)
    bare, weight = median(figures.bare_python), figures.weight
    first = figures.first_start
    made = [
        Row("start", "portico serve, to the first page", f"{cpu:.2f} s CPU, {wall:.2f} s", f"bare Python {bare:.3f} s",
            "under 0.40 s CPU", cpu < 0.4),
        Row("rest", "memory at rest", f"{resting:.1f} MiB", "", "under 50 MiB", resting < 50),
        Row("loaded", "memory after the load above", f"{figures.loaded_mib:.1f} MiB", "", "under 90 MiB",
            figures.loaded_mib < 90),
        Row("page", "sign-in page over the wire, uncompressed", f"{weight.bytes / 1000:.1f} kB",
            f"{weight.requests} requests", "under 20 kB", weight.bytes < 20_000),
    ]  # fmt: skip
    if first is not None:
        made.insert(1, Row("first", "the first start of all, which makes the database",
                           f"{first.cpu_seconds:.2f} s CPU, {first.wall_seconds:.2f} s", "", "", None))  # fmt: skip
    return made


def _cells(row: Row, *, is_busy: bool) -> tuple[str, ...]:
    is_doubtful = is_busy and row.name not in STEADY
    verdict = "" if row.is_met is None else "busy" if is_doubtful else "met" if row.is_met else "not yet"
    return row.name, row.what, row.measured, row.compared, row.goal, verdict
