"""Measures everything and prints one table.

python -m bench                   the table
python -m bench --rounds 9        with more rounds, for a machine that is not quiet
python -m bench --markdown FILE   and the table as Markdown
python -m bench --profile W2      where the time of one work goes
"""

import argparse
import tempfile
from pathlib import Path

import uvloop

from bench.measure import measure, profile
from bench.report import circumstances, markdown_table, text_table


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="What Portico costs.")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; the table shows medians")
    parser.add_argument("--seconds", type=float, default=1.2, help="how long each work is measured in each round")
    parser.add_argument("--markdown", type=Path, help="also write the table to this file")
    parser.add_argument(
        "--profile", metavar="WORK", help="show where the time of W1, W1k, W2, W2p or W6 goes, and no table"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portico-bench-") as folder:
        if asked.profile:
            print(uvloop.run(profile(Path(folder), asked.profile, seconds=10 * asked.seconds)))
            return
        figures = uvloop.run(measure(Path(folder), rounds=asked.rounds, seconds=asked.seconds))
    print(text_table(figures))
    print(f"\n{circumstances(figures)}")
    if asked.markdown:
        asked.markdown.write_text(markdown_table(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
